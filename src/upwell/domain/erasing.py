"""What a device is known by, found and replaced in text and in JSON (ADR 0068).

Holds: what can mean nothing else (the id in each spelling, public ids with their salt, product key and name) is found
wherever it stands, also within longer text. A name is found as a whole word, where the caller says that a row may speak
of this device, and in no member whose values are our own words. One that could be any word (`hall`, `42`) is replaced
only as the whole of what names devices; elsewhere it is said to be alike, for another device's tag may be it.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from upwell.domain.fleet import IOT_ID_PLACES, iot_id

WORD_SIZE_MIN = 4  # characters of a name that is no ordinary word
NUMBER_SIZE_MIN = 8  # of one that is all digits
PERSONAL = frozenset({"address", "description", "nickname", "tag", "tags"})
"""Members that go where an object tells of the device: what its owner or it itself said of it."""
WORDS = frozenset({
    "action", "dialect", "form", "from", "kind", "kinds", "module", "part", "protocol", "result", "role",
    "selection", "source_version", "source_versions", "state", "states", "status", "test", "to", "vendor", "version",
    "what",
})  # fmt: skip
"""Members whose values are words of ours, modules or versions: a device that is named `default` is not meant by one."""
NAMING = frozenset({
    "device", "device_id", "device_ids", "device_name", "device_names", "devices", "gateway", "gateway_id", "good",
    "iot_id", "name", "names", "public_id", "public_ids", "refused", "target", "targets",
})  # fmt: skip
"""Members whose values name devices."""
_BEFORE, _BEHIND = r"(?<![\w@-])(?<![\w][.:])", r"(?![\w@-]|[.:]\w)"  # characters of names


@dataclass(frozen=True)
class Sought:
    """One device: `device` is its id; `sure` are texts that mean it alone, `names` those that mean it in its account.
    Each becomes `word`, the id as an id `pseudonym`. `strays` are the ids that it had in jobs in which it was a target
    before it was a device, each with what becomes of it."""

    device: UUID
    pseudonym: UUID
    word: str
    sure: tuple[str, ...]
    names: tuple[str, ...]
    strays: Mapping[UUID, UUID] = field(default_factory=dict)
    _sure: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _names: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _alike: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        places = iot_id(self.device, "")[:IOT_ID_PLACES]
        hexes = f"(?i:{_any(text for each in self.ids for text in (str(each), each.hex))})"
        spelled = f"{re.escape(places)}[0-9A-Za-z]{{0,8}}|{_any(_spelled(self.device))}"
        whole = f"{hexes}|{spelled}|{_words(self.sure).pattern}"
        object.__setattr__(self, "_sure", re.compile(whole))
        object.__setattr__(self, "_names", _words([each for each in self.names if _is_distinct(each)]))
        object.__setattr__(self, "_alike", _words(self.names))

    @property
    def ids(self) -> Mapping[UUID, UUID]:
        """Each id of it, with what becomes of it."""
        return {self.device: self.pseudonym, **self.strays}

    def needles(self) -> list[str]:
        """Texts of which a row has one if it says anything of the device, as PostgreSQL writes rows as text."""
        ids = [text for each in self.ids for text in (str(each), each.hex)]
        found = {*ids, *(each.upper() for each in ids), *_spelled(self.device), iot_id(self.device, "")[:IOT_ID_PLACES]}
        for text in (*self.sure, *self.names):
            escaped = json.dumps(text)[1:-1]
            found |= {text, escaped, escaped.replace("\\", "\\\\")}
        return sorted(found - self._ordinary)

    def words(self) -> str | None:
        """A pattern of PostgreSQL's for names that could be any word, which would be part of most rows."""
        return rf"(^|[^\w@-])(?:{_any(self._ordinary)})($|[^\w@-])" if self._ordinary else None

    @property
    def _ordinary(self) -> set[str]:
        return {each for each in self.names if not _is_distinct(each)}

    def is_surely_in(self, text: str) -> bool:
        """Whether the text means this device, whosever it is."""
        return self._sure.search(text) is not None

    def is_in(self, value: object, *, own: bool, named: bool = False) -> bool:
        """Whether the device is named in it; by its names too where it is its account's own."""
        return bool(self.cleaned(value, own=own, named=named) != value)

    def is_alike(self, value: object) -> bool:
        """Whether a word of the text is a name of the device, and may mean something else."""
        return (
            self._alike.search(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) is not None
        )

    def cleaned(self, value: Any, *, own: bool, named: bool = False) -> Any:
        """The value without it; `named` says that it names devices. An object that says which device it is about loses
        what is personal in it."""
        match value:
            case str():
                return self._text(value, own=own, named=named)
            case Mapping():
                return self._object(value, own=own)
            case list():
                return [self.cleaned(each, own=own, named=named) for each in value]
        return value

    def without_personal(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """An object that is known to be about the device."""
        return {name: self.word if name in PERSONAL and value else value for name, value in members.items()}

    def _object(self, members: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        found = {self._text(name, own=False): self._member(name, value, own=own) for name, value in members.items()}
        is_about = any(found.get(name) != value for name, value in members.items() if name not in PERSONAL)
        return self.without_personal(found) if is_about else found

    def _member(self, name: str, value: Any, *, own: bool) -> Any:
        if name in WORDS and value in self.names:
            return value
        return self.cleaned(value, own=own, named=name in NAMING)

    def _text(self, text: str, *, own: bool, named: bool = False) -> str:
        for each, becomes in self.ids.items():
            if text.lower() in (str(each), each.hex):
                return str(becomes)
        text = self._sure.sub(self.word, text)
        if not own:
            return text
        return self.word if named and text in self.names else self._names.sub(self.word, text)


def _is_distinct(name: str) -> bool:
    """Whether hardly anything else is called so."""
    return len(name) >= (NUMBER_SIZE_MIN if name.isdecimal() else WORD_SIZE_MIN) and not name.isalpha()


def _any(texts: Iterable[str]) -> str:
    """One of these, the longest that is there."""
    return "|".join(re.escape(each) for each in sorted(texts, key=len, reverse=True))


def _words(names: Sequence[str]) -> re.Pattern[str]:
    """One of these as a whole word; nothing where there are none."""
    return re.compile(f"{_BEFORE}(?:{_any(names)}){_BEHIND}" if names else "(?!)")


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

    def needles(self, *, named: bool = True) -> list[str]:
        """Texts of which a row has one if it says anything of the account, as PostgreSQL writes rows as text; its name
        among them where rows may be `named`."""
        if not named:
            return sorted({str(self.account_id), *self.sure})
        escaped = json.dumps(self.name)[1:-1]
        spelled = {self.name, self.name.replace('"', '""'), escaped, escaped.replace("\\", "\\\\").replace('"', '""')}
        return sorted({str(self.account_id), *self.sure, *spelled})

    def words(self) -> str | None:
        """As of a device: there are none."""
        return None

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
