"""One seat for each device: who takes it, who loses it, and who is asked about."""

from uuid import UUID, uuid4

from upwell.domain.fleet import device_id
from upwell.doors.devices.faces import Down, Linked, Names
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.doors.devices.mqtt.handler import Conn
from upwell.doors.devices.seats import PARTED_MAX, Seats, linked_of


class NoWire:
    """Nothing is written in these tests."""

    def push(self, message: Down, token: object) -> bool:
        return False

    def end(self, reason: str) -> None: ...


def names(name: str) -> Names:
    return Names("pk", name)


def ident(name: str) -> UUID:
    return device_id("pk", name)


def conn(name: str) -> Conn:
    linked = Linked(AlibabaFace(lambda task, place: None), names(name), "secret")
    return Conn(uuid4(), ident(name), linked, "peer", NoWire())


def seated(*who: str) -> tuple[Seats, list[Conn]]:
    seats, conns = Seats(), [conn(name) for name in who]
    for name, each in zip(who, conns, strict=True):
        seats.take(each, ident(name), names(name))
        assert seats.settle(each, ident(name))
    return seats, conns


def test_a_later_own_connection_needs_the_earlier_ended() -> None:
    seats, [first] = seated("a")
    second = conn("a")
    assert seats.take(second, ident("a"), names("a")) is first
    assert seats.of(ident("a")) is second
    assert not seats.settle(first, ident("a"))
    assert seats.leave(ident("a"), first) is None and seats.of(ident("a")) is second


def test_a_sub_device_moves_between_gateways_and_to_itself() -> None:
    seats, [one, two, own] = seated("g1", "g2", "other")
    assert seats.take(one, ident("s"), names("s")) is None
    assert linked_of(one).whose("pk", "s") == linked_of(one).whose(None, "s") == names("s")
    assert seats.take(two, ident("s"), names("s")) is None
    assert linked_of(one).subs == {} and names("s") in linked_of(one).parted
    assert linked_of(one).whose("pk", "s") is None and linked_of(two).whose("pk", "s") == names("s")
    itself = conn("s")
    assert seats.take(itself, ident("s"), names("s")) is None
    assert linked_of(two).subs == {}
    assert seats.take(one, ident("s"), names("s")) is itself
    assert names("s") not in linked_of(one).parted
    assert seats.of(ident("other")) is own


def test_a_name_alone_must_be_one_devices_only() -> None:
    seats, [gateway] = seated("g")
    for key in ("p1", "p2"):
        seats.take(gateway, device_id(key, "s"), Names(key, "s"))
    assert linked_of(gateway).whose(None, "s") is None
    assert linked_of(gateway).whose("p2", "s") == Names("p2", "s")
    assert linked_of(gateway).whose(None, "g") == names("g")


def test_what_is_remembered_as_parted_is_bounded() -> None:
    seats, [gateway] = seated("g")
    for number in range(PARTED_MAX + 5):
        seats.take(gateway, ident(f"s{number}"), names(f"s{number}"))
        seats.leave(ident(f"s{number}"))
    assert len(linked_of(gateway).parted) == PARTED_MAX
    assert names("s0") not in linked_of(gateway).parted and names(f"s{PARTED_MAX}") in linked_of(gateway).parted


def test_everybody_settled_is_asked_about_in_turn() -> None:
    seats, conns = seated("a", "b", "c", "d", "e")
    seats.take(conn("x"), ident("x"), names("x"))  # not settled
    asked = [seats.some(2) for _ in range(5)]
    assert all(len(each) <= 2 for each in asked)
    assert {pair for each in asked for pair in each} == {(c.device_id, c.connection_id) for c in conns}
    assert seats.leave(ident("a"))
    assert ident("a") not in {d for _ in range(8) for d, _ in seats.some(2)}
