"""How far PostgreSQL's standbys are behind."""

from collections.abc import Iterable
from dataclasses import dataclass

from upwell.service.upgrade.running import Standby


@dataclass(frozen=True, slots=True)
class _Seen:
    place: int
    still_s: float | None  # since when it was seen to stand still while there was more


class Standbys:
    """What is seen of them, look after look. PostgreSQL tells of each what it said last: of one that says nothing more
    that stays as it was, and then it is not listed at all. So one that lacks something and does not move is as far
    behind as it has been seen to stand still."""

    def __init__(self) -> None:
        self.lag_s: dict[str, float] = {}
        self._seen: dict[str, _Seen] = {}

    def look(self, standbys: Iterable[Standby], now_s: float) -> None:
        """These are there now. One that is not among them any more is forgotten."""
        before, self._seen, self.lag_s = self._seen, {}, {}
        for each in standbys:
            self.lag_s[each.name] = each.said_s
            if each.place is None or each.end_place is None:
                continue
            still_s = None if each.place >= each.end_place else now_s
            known = before.get(each.name)
            if still_s is not None and known is not None and known.still_s is not None and each.place <= known.place:
                still_s = known.still_s
                self.lag_s[each.name] = max(each.said_s, now_s - still_s)
            self._seen[each.name] = _Seen(place=each.place, still_s=still_s)
