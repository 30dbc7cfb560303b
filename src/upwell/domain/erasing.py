"""What a device is known by, found and replaced in text and in JSON (ADR 0068).

Holds: what can mean nothing else (the id in each spelling, public ids with their salt, product key and name) is found
wherever it stands, also within longer text. A name can mean something else, so it is found as a whole word alone, where
the caller says that a row may speak of this device, and in no member whose values are our own words; one shorter than
TOKEN_SIZE_MIN is found as the whole of a text only.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from upwell.domain.fleet import IOT_ID_PLACES, iot_id

TOKEN_SIZE_MIN = 4  # characters of a name that is looked for within texts
PERSONAL = frozenset({"address", "description", "nickname", "tag", "tags"})
"""Members that go where an object tells of the device: what its owner or it itself said of it."""
WORDS = frozenset({
    "action", "dialect", "form", "from", "kind", "kinds", "module", "part", "protocol", "result", "role",
    "selection", "source_version", "source_versions", "state", "states", "status", "test", "to", "vendor", "version",
    "what",
})  # fmt: skip
"""Members whose values are words of ours, modules or versions: a device that is named `default` is not meant by one."""
_BEFORE, _BEHIND = r"(?<![\w@-])(?<![\w][.:])", r"(?![\w@-]|[.:]\w)"  # characters of names


@dataclass(frozen=True)
class Sought:
    """One device: `device` is its id; `sure` are texts that mean it alone, `names` those that mean it in its account.
    Each becomes `word`, the id as an id `pseudonym`."""

    device: UUID
    pseudonym: UUID
    word: str
    sure: tuple[str, ...]
    names: tuple[str, ...]
    _sure: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _names: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = iot_id(self.device, "")[:IOT_ID_PLACES]
        sure = [re.escape(each) for each in sorted({*self.sure, *_spelled(self.device)}, key=len, reverse=True)]
        long = [each for each in sorted(self.names, key=len, reverse=True) if len(each) >= TOKEN_SIZE_MIN]
        hexes = "|".join(re.escape(each) for each in (str(self.device), self.device.hex))
        object.__setattr__(
            self, "_sure", re.compile(f"(?i:{hexes})|{re.escape(places)}[0-9A-Za-z]{{0,8}}|{'|'.join(sure)}")
        )
        names = "|".join(re.escape(each) for each in long)
        object.__setattr__(self, "_names", re.compile(f"{_BEFORE}(?:{names}){_BEHIND}") if long else None)

    def needles(self) -> list[str]:
        """Texts of which a row has one if it says anything of the device, as PostgreSQL writes rows as text."""
        ids = (str(self.device), self.device.hex)
        found = {*ids, *(each.upper() for each in ids), *_spelled(self.device), iot_id(self.device, "")[:IOT_ID_PLACES]}
        for text in (*self.sure, *self.names):
            escaped = json.dumps(text)[1:-1]
            found |= {text, escaped, escaped.replace("\\", "\\\\")}
        return sorted(found)

    def is_surely_in(self, text: str) -> bool:
        """Whether the text means this device, whosever it is."""
        return self._sure.search(text) is not None

    def is_in(self, value: object, *, own: bool) -> bool:
        """Whether the device is named in it; by its names too where it is its account's own."""
        return bool(self.cleaned(value, own=own) != value)

    def cleaned(self, value: Any, *, own: bool) -> Any:
        """The value without it. An object that says which device it is about loses what is personal in it."""
        match value:
            case str():
                return self._text(value, own=own)
            case Mapping():
                return self._object(value, own=own)
            case list():
                return [self.cleaned(each, own=own) for each in value]
        return value

    def without_personal(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """An object that is known to be about the device."""
        return {name: self.word if name in PERSONAL and value else value for name, value in members.items()}

    def _object(self, members: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        found = {
            self._text(name, own=False): value
            if name in WORDS and value in self.names
            else self.cleaned(value, own=own)
            for name, value in members.items()
        }
        is_about = any(found.get(name) != value for name, value in members.items() if name not in PERSONAL)
        return self.without_personal(found) if is_about else found

    def _text(self, text: str, *, own: bool) -> str:
        if text.lower() in (str(self.device), self.device.hex):
            return str(self.pseudonym)
        text = self._sure.sub(self.word, text)
        if own and text in self.names:
            return self.word
        return self._names.sub(self.word, text) if own and self._names is not None else text


def _spelled(device: UUID) -> Iterable[str]:
    """The id's bytes in base 64, of each alphabet, without its padding."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(device.bytes).decode().rstrip("=")


@dataclass(frozen=True)
class SoughtAccount:
    """One account: `account_id` and `sure` are what means it alone, `name` means it where the caller says so. Each
    becomes `word`, the number 0."""

    account_id: int
    word: str
    sure: tuple[str, ...]
    name: str

    def needles(self) -> list[str]:
        """Texts of which a row has one if it says anything of the account, as PostgreSQL writes rows as text."""
        escaped = json.dumps(self.name)[1:-1]
        spelled = {self.name, self.name.replace('"', '""'), escaped, escaped.replace("\\", "\\\\").replace('"', '""')}
        return sorted({str(self.account_id), *self.sure, *spelled})

    def is_surely_in(self, text: str) -> bool:
        """Whether the text means this account, whosever it is."""
        return any(each in text for each in (str(self.account_id), *self.sure))

    def cleaned(self, value: Any, *, own: bool) -> Any:
        """The value without it."""
        match value:
            case str():
                if own and value == self.name:
                    return self.word
                for each in (str(self.account_id), *self.sure):
                    value = value.replace(each, self.word)
                return value
            case int() if value == self.account_id:
                return 0
            case Mapping():
                return {self.cleaned(name, own=False): self.cleaned(each, own=own) for name, each in value.items()}
            case list():
                return [self.cleaned(each, own=own) for each in value]
        return value
