"""What a task that asks its device first waits for, beside its state: the second machine.

Every change of what is awaited, and of the time that it may take, is decided by AWAITED, here and nowhere else. The
table is total: each wait meets each cue; a task of a job that offers without a question awaits nothing, and no cue
changes that. The time of what a device was offered runs on from the first offer, however often it comes back; each
other wait has a time of its own. Source: huawei 6.1; ADR 0011, 0015.
"""

from datetime import datetime, timedelta
from enum import StrEnum


class Awaits(StrEnum):
    """What must come next."""

    NOTHING = ""  # the job offers without a question
    ONLINE = "online"  # its device
    ANSWER = "answer"  # what the device runs
    OFFER = "offer"  # leave to be offered
    RESULT = "result"  # what came of the offer
    ARRIVAL = "arrival"  # the answer of a device that came back: has it arrived?
    AGAIN = "again"  # leave to be offered once more


class Cue(StrEnum):
    """What moves a wait on."""

    SENT = "sent"  # the message that was due has left: the offer where that is awaited, else the question
    TOLD = "told"  # a device that asks was told its offer again, without a question
    ANSWERED = "answered"  # the device runs what the job has a package for
    WORKS = "works"  # the device tells of what it was offered: it needs no second offer
    ANEW = "anew"  # the task is confirmed, repeated, or tried once more


OFFERED = frozenset({Awaits.RESULT, Awaits.ARRIVAL, Awaits.AGAIN})  # of an attempt whose offer has left
UNOFFERED = frozenset({Awaits.ONLINE, Awaits.ANSWER, Awaits.OFFER})  # of one whose offer has not
OFFERS = frozenset({Awaits.NOTHING, Awaits.OFFER, Awaits.AGAIN})  # what is sent next is the offer, else the question

# huawei 6.1: how long each wait may last
WITHIN: dict[Awaits, timedelta] = {
    Awaits.ONLINE: timedelta(hours=25),  # from the start of the job
    Awaits.ANSWER: timedelta(minutes=3),  # from the question
    Awaits.OFFER: timedelta(hours=24),  # from the answer
    Awaits.RESULT: timedelta(hours=24),  # from the offer, whose url is valid as long
}
# The waits for what Upwell says, which a pause keeps back, and their whole time.
OURS = {w: WITHIN[w] for w in (Awaits.ONLINE, Awaits.OFFER)} | {Awaits.AGAIN: WITHIN[Awaits.RESULT]}
ONLINE_WITHIN, ANSWER_WITHIN, RESULT_WITHIN = (WITHIN[w] for w in (Awaits.ONLINE, Awaits.ANSWER, Awaits.RESULT))

_MOVES: dict[Awaits, dict[Cue, Awaits]] = {
    Awaits.ONLINE: {Cue.SENT: Awaits.ANSWER, Cue.ANSWERED: Awaits.OFFER},
    Awaits.ANSWER: {Cue.SENT: Awaits.ANSWER, Cue.ANSWERED: Awaits.OFFER, Cue.ANEW: Awaits.ONLINE},
    Awaits.OFFER: {Cue.SENT: Awaits.RESULT, Cue.ANSWERED: Awaits.OFFER, Cue.ANEW: Awaits.ONLINE},
    Awaits.RESULT: {Cue.SENT: Awaits.ARRIVAL, Cue.ANSWERED: Awaits.AGAIN, Cue.ANEW: Awaits.ONLINE},
    Awaits.ARRIVAL: {
        Cue.TOLD: Awaits.RESULT,
        Cue.ANSWERED: Awaits.AGAIN,
        Cue.WORKS: Awaits.RESULT,
        Cue.ANEW: Awaits.ONLINE,
    },
    Awaits.AGAIN: {
        Cue.SENT: Awaits.RESULT,
        Cue.TOLD: Awaits.RESULT,
        Cue.WORKS: Awaits.RESULT,
        Cue.ANEW: Awaits.ONLINE,
    },
}

AWAITED: dict[tuple[Awaits, Cue], Awaits] = {
    (awaits, cue): _MOVES.get(awaits, {}).get(cue, awaits) for awaits in Awaits for cue in Cue
}


def wait(awaits: Awaits, cue: Cue, now: datetime, ends_at: datetime | None) -> tuple[Awaits, datetime | None]:
    """What is awaited after the cue, and until when; `ends_at` is the end of the wait before."""
    after = AWAITED[awaits, cue]
    if awaits is Awaits.NOTHING or runs_on(awaits, cue):
        return after, ends_at
    return after, now + WITHIN[after]


def runs_on(awaits: Awaits, cue: Cue) -> bool:
    """Whether the wait goes on with the time that it has left."""
    return cue is not Cue.ANEW and (awaits in OFFERED or cue in (Cue.TOLD, Cue.WORKS))
