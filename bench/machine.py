"""What processes cost, as Linux counts it."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _USER, _SYSTEM, _USER_OF_ENDED, _SYSTEM_OF_ENDED = 1, 11, 12, 13, 14  # of the fields after the name


def _fields(pid: int) -> tuple[str, list[str]]:
    head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
    return head.partition("(")[2], rest.split()


def family(pid: int) -> dict[int, str]:
    """The names of a process and of all that came of it, by pid."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                names[int(each.name)], fields = _fields(int(each.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            parents[int(each.name)] = int(fields[_PARENT])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: names[each] for each in found if each in names}


def cpu_s(pid: int) -> tuple[float, float]:
    """Seconds of CPU of a server's own processes so far, and of its PostgreSQL's."""
    own = postgres = 0.0
    for each, name in family(pid).items():
        try:
            _, fields = _fields(each)
        except (FileNotFoundError, ProcessLookupError):
            continue
        spent = sum(int(fields[n]) for n in (_USER, _SYSTEM)) / TICKS_PER_S
        ended = sum(int(fields[n]) for n in (_USER_OF_ENDED, _SYSTEM_OF_ENDED)) / TICKS_PER_S
        if name.startswith("postgres"):
            postgres += spent + ended  # backends that are gone count too
        else:
            own += spent
    return own, postgres


def resident(pid: int) -> int:
    """Bytes of memory that the server's own processes hold."""
    found = [each for each, name in family(pid).items() if not name.startswith("postgres")]
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE_SIZE for each in found)
