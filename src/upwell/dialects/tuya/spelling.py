"""The damage of Tuya's English pages, and what is accepted in its place (tuya 1.6).

Names of parameters and values of enumerations count in any case; ids, versions and names of devices never do. It runs
after the signature was checked on what was sent, and refuses two spellings of one parameter with different values.
"""

from collections.abc import Iterable, Sequence

from upwell.dialects.checks import OneOf, shown
from upwell.dialects.flat_names import ONE_VALUE
from upwell.dialects.operations import Pairs, Param
from upwell.domain.errors import Invalid


def mended(table: Sequence[Param], pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs in the spelling of the table, once each; what the table lacks stays as it is, for
    `flat_names` to judge. Raises Invalid."""
    known = {param.name.lower(): param for param in table}
    found: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for name, value in pairs:
        param = known.get(name.partition(".")[0].lower())
        if param is None:
            others.append((name, value))
        else:
            _take(found, _name(param, name), _value(param, value))
    return [*found.items(), *others]


def common(names: Iterable[str], pairs: Pairs) -> dict[str, str]:
    """The values of these parameters, which every request carries, in any spelling. Raises Invalid."""
    known = {name.lower(): name for name in names}
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in known:
            _take(found, known[name.lower()], value)
    return found


def _take(found: dict[str, str], name: str, value: str) -> None:
    if found.setdefault(name, value) != value:
        raise Invalid(name, ONE_VALUE, f"{shown(found[name])} and {shown(value)} are given")


def _name(param: Param, given: str) -> str:
    rest = given.split(".")[1:]
    members = {member.name.lower(): member.name for member in param.members}
    return ".".join([param.name, *(members.get(part.lower(), part) for part in rest)])


def _value(param: Param, given: str) -> str:
    if not isinstance(param.check, OneOf):
        return given
    words = {word.lower(): word for word in param.check.values if isinstance(word, str)}
    return words.get(given.lower(), given)
