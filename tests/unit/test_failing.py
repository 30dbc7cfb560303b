"""Kinds of failures: what tells them apart, and how many there may be."""

from itertools import product

from upwell.domain.failing import KINDS_MAX, OTHERS, FailureKind, Kinds


def a_kind(**more: object) -> FailureKind:
    facts = {"reason": "timeout", "code": None, "module": "default", "source_version": "1.0", "vendor": "tuya"}
    return FailureKind(**{**facts, **more})  # type: ignore[arg-type]


def test_all_that_a_kind_says_tells_it_apart() -> None:
    ways = product(("a", "ab"), (None, 0, 1, -1), ("b", "bb", ""), ("b", "\ud800", "None"), ("", "b"))
    made = [a_kind(reason=r, code=k, module=m, source_version=s, vendor=v) for r, k, m, s, v in ways]
    numbers = {kind.number for kind in made}
    assert len(numbers) == len(made) and all(0 < number < 1 << 63 for number in numbers)
    assert a_kind().number == a_kind().number


def test_so_many_are_told_apart_and_no_more() -> None:
    kinds = Kinds.of([OTHERS])
    first = [kinds.placed(a_kind(source_version=str(n))) for n in range(KINDS_MAX)]
    assert len(set(first)) == KINDS_MAX and OTHERS not in first
    assert kinds.placed(a_kind(source_version="one more")) == OTHERS
    assert kinds.placed(a_kind(source_version="7")) == first[7]
    again = Kinds.of(first[1:])
    assert again.placed(a_kind(source_version="one more")) != OTHERS
    assert again.placed(a_kind(source_version="0")) == OTHERS
