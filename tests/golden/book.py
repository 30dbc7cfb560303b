"""The records of golden answers: how they are kept, played and compared.

A record is chapters of steps; each step holds what is asked and what was answered. A chapter is played against a fresh
server, in order, so that names and lists are the same each time. What cannot be the same, ids, times, secrets and
addresses, is masked by MASKS and TEXTS, which are the only places that say so; equal ids get equal masks, so the links
between answers are compared too. The order of members is compared, and how the bytes were written.

What is asked may hold places for what only a run knows:
  {{name of a step|Data.ProductKey}}  a member of that step's unmasked answer; numbers count in lists
  {{name of a step headers|name}}     one of its headers
  {{now|ms+3600}}                     the time 3600 s from now: ms, s, utc, or basic
  {{given|key}}                       what the stage tells of itself
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
UNTIL_S = 30  # for what an `until` waits
PAUSE_S = 0.05
SHOWN_BEFORE, SHOWN_AFTER = 60, 120  # characters of two answers around their difference


# --- what is masked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Members of this name (a regular expression, any case) show `as_` instead of their value, where the value is as
    `value` says and, if `within` names some, these are all the members there. `way`: numbered ids keep which are equal,
    a shape keeps the form of a time, plain keeps nothing. `sized` ids keep their length too."""

    member: str
    as_: str
    way: str = "numbered"
    value: str = r"(?s:.+)"
    sized: bool = True
    within: frozenset[str] = frozenset()


MASKS = (
    # each answer's own
    Mask(member="RequestId|request_id|x-request-id|x-iam-trace-id", as_="request", way="plain"),
    Mask(member="x-subject-token", as_="secret", way="plain"),
    # ids
    Mask(member="Product_?Key", as_="product"),
    Mask(member="Product_?Secret", as_="secret", way="plain"),
    Mask(member="DeviceSecret|secret|secondary_secret|fingerprint", as_="secret", way="plain"),
    Mask(member="IotId|DeviceId", as_="device", value="[0-9a-fA-F]{32}|[0-9A-Za-z]{16,32}"),
    Mask(member="DeviceName|ValidList|Name", as_="made name", value="[0-9A-Za-z]{16,32}"),
    # tuya 1.6: who makes a job is told its id twice
    Mask(member="firmwareId", as_="job", sized=False, within=frozenset({"jobId", "firmwareId", "utcCreate"})),
    Mask(member="FirmwareId|package_id", as_="package", sized=False),
    Mask(member="JobId", as_="job", sized=False),
    Mask(member="TaskId|task_id", as_="task", sized=False),
    Mask(member="GroupId|SuperGroupId|group_id", as_="group", sized=False),
    Mask(member="module_id|file_id", as_="number", sized=False),
    Mask(member="ApplyId", as_="batch", sized=False),
    Mask(member="NextToken|marker", as_="token", sized=False),
    Mask(member="product_id", as_="product", value="[0-9A-Za-z]{24}"),
    Mask(member="(product|app|rule|action|space|project|domain|parent)_id|id", as_="id", value="[0-9a-f-]{24,36}"),
    # times
    Mask(member=r"(Gmt|Utc)\w*|Timestamp|\w*Time|\w*_time|\w*_at", as_="time", way="shape", value=r".*\d{4}.*"),
    Mask(member="id", as_="time", way="shape", value=r"\d{13}"),
    # leave to upload, and where; proofs made with secrets
    Mask(member="hmac", as_="proof", way="plain"),
    Mask(member="Policy|Signature", as_="policy", way="plain"),
    Mask(member="HostId|Host|AsAddress|IpAddress", as_="address", way="plain"),
)

# In any other text: what they match -> what is shown. `#` is numbered, as ids are.
TEXTS = (
    (re.compile(r"\bota/[0-9a-f]{32}/[0-9A-Za-z]{24}"), "<object #>"),
    (re.compile(r"\bota/[0-9a-f]{10}\.\.\."), "<an object, cut short>"),
    (re.compile(r"(?<=AccessKeyId%3D)[0-9A-Za-z-]+"), "<key>"),
    (re.compile(r"((?<=SignatureNonce%3D)|(?<=signature-nonce:))[0-9a-f]{32}"), "<nonce>"),
    (re.compile(r"(?<=ACS3-HMAC-SHA256\n)[0-9a-f]{64}"), "<digest>"),
    (re.compile(r"127\.0\.0\.1(:|%3A|%253A)\d{2,5}"), "<address>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d(:|%3A|%253A)\d\d(:|%3A|%253A)\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "<uuid>"),
    (re.compile(r"(?<=/ota/)[0-9A-Za-z_-]{40,}"), "<leave>"),
    (re.compile(r"(?<=[?&]e=)\d+"), "<time>"),
    (re.compile(r"(?<=has the hash )[0-9a-f]{64}"), "<hash>"),
    (re.compile(r"\b(?!9{19})\d{19}\b"), "<number>"),
)

TOKEN_CHARS_MIN = 8  # of an id that is known again inside other text
_TOKEN = re.compile(rf"(?:(?<=%3D)|(?<![0-9A-Za-z_%-]))[0-9A-Za-z_-]{{{TOKEN_CHARS_MIN},}}")
_ELEMENT = re.compile(r"<(\w+)>([^<]+)</\1>")
_DAYS = re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")
_MONTHS = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")


class Masker:
    """Masks the answers of one chapter, in order."""

    def __init__(self) -> None:
        self._rows = [(re.compile(row.member, re.IGNORECASE), re.compile(row.value), row) for row in MASKS]
        self._seen: dict[str, str] = {}  # what is shown of an id, wherever else it stands
        self._numbers: dict[str, dict[str, int]] = {}

    def masked(self, value: Any, member: str = "", beside: frozenset[str] = frozenset()) -> Any:
        """The value with masks in it; `beside` are the members where it stands."""
        if isinstance(value, dict):
            return {self.text(name): self.masked(each, name, frozenset(value)) for name, each in value.items()}
        if isinstance(value, list):
            return [self.masked(each, member) for each in value]
        if value is None or isinstance(value, bool):
            return value
        for name, known, row in self._rows:
            if name.fullmatch(member) and known.fullmatch(str(value)) and row.within in (frozenset(), beside):
                return self._hidden(row, value)
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Any other text: ids seen before, and what TEXTS say."""
        text = _TOKEN.sub(lambda found: self._seen.get(found[0], found[0]), text)
        for pattern, shown in TEXTS:
            text = pattern.sub(lambda found, shown=shown: self._numbered(shown, found[0]), text)
        return text

    def xml(self, text: str) -> str:
        """A document whose elements are named as members are."""
        return self.text(
            _ELEMENT.sub(lambda found: f"<{found[1]}>{self.masked(found[2], found[1])}</{found[1]}>", text)
        )

    def _hidden(self, row: Mask, value: Any) -> str:
        text, number = str(value), "" if isinstance(value, str) else "number "
        if row.way == "plain":
            return f"<{number}{row.as_}>"
        if row.way == "shape":
            return f"<{number}{row.as_} {_shape(text)}>"
        size = f", {len(text)} long" if row.sized else ""
        return self._numbered(f"<{number}{row.as_} #{size}>", text)

    def _numbered(self, shown: str, text: str) -> str:
        """What is shown of a text, its `#` being the number of the text among those shown alike."""
        if "#" not in shown:
            return shown
        kind = shown.partition(" #")[0].removeprefix("<").removeprefix("number ")
        numbers = self._numbers.setdefault(kind, {})
        told = shown.replace("#", str(numbers.setdefault(text, len(numbers) + 1)))
        if len(text) >= TOKEN_CHARS_MIN:
            self._seen[text] = told
        return told


def _shape(text: str) -> str:
    """A time as it is written, without which time it is."""
    return re.sub(r"\d", "0", _MONTHS.sub("Mmm", _DAYS.sub("Ddd", text)))


# --- steps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Raw:
    """An answer as it came. `headers` are those that the stage wants compared."""

    status: int
    type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Step:
    """What is asked (the stage knows how it is sent) and, once played, the masked answer; None when nothing answers, as
    for what a device says. `shows` says what it is there for: full, empty, last page, refusal, or nothing. It is asked
    again until each path of `until` is as wanted ("*" for anything at all). `loose` is for a list that the server sorts
    by what is random: {"list": its path} with the member to "sort" it by here, or those to "hide" in a page of it."""

    name: str
    ask: dict[str, Any]
    shows: str = ""
    until: dict[str, Any] = field(default_factory=dict)
    loose: dict[str, Any] = field(default_factory=dict)
    answer: Any = None


@dataclass(kw_only=True)
class Chapter:
    """Steps that are played in order against one fresh server; `options` are what the stage starts it with."""

    name: str
    steps: list[Step]
    options: list[str] = field(default_factory=list)


class Stage:
    """What a dialect's stage does: `given` are the facts of this run, `send` sends a step's filled `ask`."""

    given: Mapping[str, Any] = {}

    def send(self, ask: dict[str, Any]) -> Raw | None:
        raise NotImplementedError


OpenStage = Callable[[list[str]], AbstractContextManager[Stage]]


def play(chapter: Chapter, open_stage: OpenStage) -> Iterator[Step]:
    """The steps of a chapter, each with the answer that it gets now."""
    assert len({step.name for step in chapter.steps}) == len(chapter.steps), "two steps have one name"
    masker, caught = Masker(), dict[str, Any]()
    with open_stage(chapter.options) as stage:
        caught["given"] = stage.given
        for step in chapter.steps:
            raw = _sent(stage, step, caught)
            answer = None if raw is None else _written(raw, masker, step.loose)
            if raw is not None:
                caught[step.name] = _parsed(raw.body)
                caught[f"{step.name} headers"] = raw.headers
            yield Step(
                name=step.name, ask=step.ask, shows=step.shows, until=step.until, loose=step.loose, answer=answer
            )


def _sent(stage: Stage, step: Step, caught: Mapping[str, Any]) -> Raw | None:
    """The answer, once it is as the step's `until` wants it. Fails when it never is."""
    end = time.monotonic() + UNTIL_S
    while True:
        raw = stage.send(filled(step.ask, {**caught, "now": datetime.now(UTC)}))
        if not step.until or (raw is not None and _holds(raw, step.until)):
            return raw
        assert time.monotonic() < end, f"{step.name}: never {step.until}, but {raw}"
        time.sleep(PAUSE_S)


def _holds(raw: Raw, wanted: Mapping[str, Any]) -> bool:
    told = {"status": raw.status, "body": _parsed(raw.body)}
    return all(_found(told, path) == value or (value == "*" and _found(told, path)) for path, value in wanted.items())


def _found(value: Any, path: str) -> Any:
    """What is at a dotted path; None when nothing is. `#` is how many there are."""
    for part in path.split(".") if path else ():
        if part == "#":
            value = len(value) if isinstance(value, (list, dict)) else 0
        elif isinstance(value, list):
            value = value[int(part)] if part.lstrip("-").isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _tamed(body: Any, loose: Mapping[str, Any]) -> Any:
    """The body with the list that comes in no certain order made certain, as its step says."""
    if not loose:
        return body
    *way, last = loose["list"].split(".")
    holder = _found(body, ".".join(way))
    rows = [row | dict.fromkeys(loose.get("hide", ()), "<any>") for row in holder[last]]
    holder[last] = sorted(rows, key=lambda row: str(row[loose["sort"]])) if "sort" in loose else rows
    return body


def _written(raw: Raw, masker: Masker, loose: Mapping[str, Any]) -> dict[str, Any]:
    """An answer with its masks. JSON that is not compact, or is no JSON, is kept as text."""
    parsed = _parsed(raw.body)
    compact = json.dumps(parsed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    answer: dict[str, Any] = {"status": raw.status, "type": masker.text(raw.type)}
    if raw.headers:
        answer["headers"] = masker.masked(dict(raw.headers))
    if compact == raw.body:
        answer["body"] = masker.masked(_tamed(parsed, loose))
    else:
        text = raw.body.decode("utf-8", "replace")
        answer["text"] = masker.xml(text) if "xml" in raw.type else masker.text(text)
    return answer


# --- places -----------------------------------------------------------------------------------------------------------

_PLACE = re.compile(r"\{\{([^|{}]+)\|([^{}]*)\}\}")


def filled(value: Any, caught: Mapping[str, Any]) -> Any:
    """The value with its places filled. A text that is nothing but a place becomes what stands there, of any kind."""
    if isinstance(value, dict):
        return {name: filled(each, caught) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, caught) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole:
        return _at(whole, caught)
    return _PLACE.sub(lambda place: str(_at(place, caught)), value)


def _at(place: re.Match[str], caught: Mapping[str, Any]) -> Any:
    if place[1] == "now":
        return _time(place[2], caught["now"])
    assert place[1] in caught, f"no step {place[1]!r} was played before {place[0]}"
    value = _found(caught[place[1]], place[2])
    assert value is not None, f"nothing at {place[0]}: {caught[place[1]]}"
    return value


def _time(text: str, now: datetime) -> str:
    form, sign, seconds = re.fullmatch(r"(ms|s|utc|basic)(?:([+-])(\d+))?", text).groups()  # type: ignore[union-attr]
    away = int(seconds or 0) * (-1 if sign == "-" else 1)
    at = now + timedelta(seconds=away)
    if form == "ms":  # whole seconds apart, which a float's last digit is not
        return str(int(now.timestamp() * 1000) + 1000 * away)
    if form == "utc":
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if form == "basic":
        return at.strftime("%Y%m%dT%H%M%SZ")
    return str(int(at.timestamp()))


# --- the record -------------------------------------------------------------------------------------------------------


def load(dialect: str) -> list[Chapter]:
    """The record of a dialect. A missing one is a failure."""
    kept = json.loads((FOLDER / f"{dialect}.json").read_text())
    return [
        Chapter(name=each["chapter"], options=each["options"], steps=[_step(entry) for entry in each["steps"]])
        for each in kept
    ]


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(
        name=entry["step"],
        ask=entry["ask"],
        shows=entry.get("shows", ""),
        until=entry.get("until", {}),
        loose=entry.get("loose", {}),
        answer=entry["answer"],
    )


def save(dialect: str, chapters: list[Chapter]) -> None:
    """Write the record: each step's parts on lines of their own."""
    told = ",\n".join(_chapter(each) for each in chapters)
    (FOLDER / f"{dialect}.json").write_text(f"[\n{told}\n]\n")


def _chapter(chapter: Chapter) -> str:
    steps = ",\n".join(_entry(step) for step in chapter.steps)
    return f'{{"chapter": {_line(chapter.name)},\n"options": {_line(chapter.options)},\n"steps": [\n{steps}\n]}}'


def _entry(step: Step) -> str:
    parts: dict[str, Any] = {"step": step.name, "shows": step.shows, "ask": step.ask}
    parts |= {"until": step.until, "loose": step.loose, "answer": step.answer}
    kept = {name: value for name, value in parts.items() if value or name in ("step", "ask", "answer")}
    return "{" + ",\n ".join(f"{_line(name)}: {_line(value)}" for name, value in kept.items()) + "}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def record(dialect: str, chapters: list[Chapter], open_stage: OpenStage) -> None:
    """Play the chapters and keep what is answered."""
    save(dialect, [Chapter(name=c.name, options=c.options, steps=list(play(c, open_stage))) for c in chapters])


def names(dialect: str) -> list[str]:
    """The chapters of a record."""
    return [chapter.name for chapter in load(dialect)]


def differences(dialect: str, open_stage: OpenStage, only: str = "") -> list[str]:
    """Where the answers differ from the record, or from one chapter of it, told for people; empty when nowhere."""
    found = []
    for chapter in (each for each in load(dialect) if only in ("", each.name)):
        for kept, now in zip(chapter.steps, play(chapter, open_stage), strict=True):
            was, is_ = _line(kept.answer), _line(now.answer)
            if was != is_:
                found.append(f"{chapter.name} / {kept.name}{_apart(was, is_)}")
    return found


def _apart(was: str, is_: str) -> str:
    """Both answers around the place where they first differ."""
    place = next((n for n, (a, b) in enumerate(zip(was, is_, strict=False)) if a != b), min(len(was), len(is_)))
    part = slice(max(0, place - SHOWN_BEFORE), place + SHOWN_AFTER)
    return f"\n  was ...{was[part]}\n  is  ...{is_[part]}"
