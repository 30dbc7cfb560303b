"""Which package brings devices back, and why none does."""

import pytest

from upwell.domain.rollback import Candidate, Hindrance, way_back


def candidate(package_id: int, **more: object) -> Candidate:
    facts = {"is_there": True, "is_judged": True} | more
    return Candidate(package_id=package_id, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "candidates", "wanted"),
    [
        ("", [candidate(1)], Hindrance.VERSION_UNKNOWN),
        ("2.0", [candidate(1)], Hindrance.ALREADY_THERE),
        ("1.0", [], Hindrance.NO_PACKAGE),
        ("1.0", [candidate(1, is_there=False, is_judged=False)], Hindrance.OBJECT_LOST),
        ("1.0", [candidate(1, is_judged=False)], Hindrance.NOT_VERIFIED),
        ("1.0", [candidate(1, follows=("1.5",))], Hindrance.NOT_FOR_VERSION),
        ("1.0", [candidate(2, is_there=False), candidate(1, is_judged=False)], Hindrance.NOT_VERIFIED),
        ("1.0", [candidate(2, follows=("1.5",)), candidate(1, is_there=False)], Hindrance.NOT_FOR_VERSION),
        ("1.0", [candidate(3, is_judged=False), candidate(2, follows=("1.5", "2.0")), candidate(1)], 2),
        ("1.0", [candidate(2), candidate(1)], 2),
    ],
)
def test_the_way_back(source: str, candidates: list[Candidate], wanted: int | Hindrance) -> None:
    assert way_back(source, "2.0", candidates) == wanted
