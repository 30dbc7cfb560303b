"""What one of two sister dialects has and the other lacks: a parameter that its caller believes to count is refused,
though this table does not know it (docs/adr/0012)."""

from collections.abc import Mapping

from upwell.dialects.checks import shown
from upwell.dialects.flat_names import NOT_HERE
from upwell.dialects.near import Names
from upwell.dialects.operations import Operation, Pairs, Table
from upwell.dialects.rpc import is_common
from upwell.domain.errors import Invalid

# They name what a job or a task is of: beside the parameters of an operation on one they say nothing new.
_SUPERFLUOUS = frozenset({"ProductKey", "FirmwareId", "JobId"})


def known_elsewhere(own: Mapping[str, Operation], sister: Mapping[str, Operation]) -> dict[str, Names]:
    """For each operation of `own` the parameters that it lacks and its caller would believe to count: those that the
    sister dialect's operation of that name has; of one that selects devices or their tasks, also those of any other
    that does, and the lists of any operation of either dialect."""
    every = [operation for table in (own, sister) for operation in table.values()]
    selecting = [row.name for operation in every if operation.selects for row in operation.params]
    selecting += [row.name for operation in every for row in operation.params if row.kind == "list"]
    found: dict[str, Names] = {}
    for action, operation in own.items():
        theirs = [row.name for row in sister[action].params] if action in sister else []
        more = [name for name in selecting if name not in _SUPERFLUOUS] if operation.selects else []
        here = {row.name for row in operation.params}
        found[action] = Names(name for name in dict.fromkeys(theirs + more) if name not in here)
    return found


def refuse_known(elsewhere: Names, table: Table, pairs: Pairs) -> None:
    """Raises Invalid for a parameter that is known elsewhere and neither to this table nor nearly so."""
    stems = dict.fromkeys(name.partition(".")[0] for name, _ in pairs)
    hits = [(stem, known) for stem in stems if (known := elsewhere.same(stem)) and not is_common(stem)]
    here = Names(spelling for row in table for spelling in (row.name, row.also) if spelling) if hits else Names(())
    for stem, known in hits:
        if here.meant(stem) is None:
            raise Invalid(known, NOT_HERE, f"leave {shown(stem)} out")
