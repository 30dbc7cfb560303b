"""What each simulated device will do, decided before it does anything.

`plan` depends on nothing but its arguments: the same seed, index and rates give the same script on every machine, so
any run replays. It holds no IO and no clock. Every draw is made whether it is used or not, so that changing one rate
leaves the other choices of a device as they were.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from typing import Literal

Outcome = Literal["SUCCEEDED", "FAILED"]

# alibaba 6.4: step codes and what they mean; the text is what an operator reads as the reason.
FAILURES: dict[str, tuple[int, str]] = {
    "fail_upgrade": (-1, "upgrade failed: the bootloader refused the image"),
    "fail_download": (-2, "download failed: no space left for the image"),
    "fail_verify": (-3, "verification failed: digest does not match"),
    "fail_burn": (-4, "burning failed: flash write error"),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of devices, 0 to 1, that do each thing. The four failures exclude each other: their sum is at most 1.

    Raises ValueError naming the rate that breaks the rule.
    """

    drop_mid_download: float = 0.0
    fail_download: float = 0.0
    fail_verify: float = 0.0
    fail_burn: float = 0.0
    fail_upgrade: float = 0.0
    silent: float = 0.0
    mute: float = 0.0
    late: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    delay_s: float = 0.5
    """Longest pause before a download and at a reboot."""
    late_s: float = 10.0
    """Longest time that a late device stays away."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or (value > 1 and not field.name.endswith("_s")):
                raise ValueError(f"rate {field.name} = {value}: must be {'>= 0' if value < 0 else 'from 0 to 1'}")
        if sum(getattr(self, name) for name in FAILURES) > 1 + 1e-9:
            raise ValueError(f"rates {', '.join(FAILURES)}: must add up to at most 1")


@dataclass(frozen=True, slots=True)
class DeviceScript:
    """The life of one device during one upgrade. Fractions are of the image's bytes, percents of its progress."""

    step: int | None
    """The negative step it will report, or None when it will succeed."""
    desc: str
    fail_fraction: float
    drop_fraction: float | None
    away_s: float
    """How long it is gone after the drop."""
    start_s: float
    reboot_s: float
    silent: bool
    mute: bool
    """It says what it runs when it connects, and then acknowledges all that it is told and does nothing."""
    late: bool
    copies: int
    """How often it sends each report: 1, or 2 for a device that repeats itself."""
    progress: tuple[tuple[int, int], ...]
    """(percent reached, percent then reported), in the order of sending; they differ when it reorders."""
    stale_percent: int | None
    """A progress report that comes only after the end of the upgrade."""

    @property
    def expected(self) -> Outcome | None:
        """The state its task must end in; for a silent device, once it is told to go on; None for a mute one, whose
        upgrade never begins."""
        if self.mute:
            return None
        return "SUCCEEDED" if self.step is None else "FAILED"


def plan(seed: int | str, index: int, rates: Rates) -> DeviceScript:
    """The script of device `index` in the fleet `seed`."""
    dice = random.Random(f"{seed}:{index}")
    step, desc = _failure(dice.random(), rates)
    drops, drop_at, fail_at = dice.random() < rates.drop_mid_download, dice.uniform(0.1, 0.7), dice.uniform(0.75, 0.95)
    silent, late = dice.random() < rates.silent, dice.random() < rates.late
    repeats, reorders = dice.random() < rates.repeat, dice.random() < rates.reorder
    away_s = dice.uniform(0.0, rates.delay_s)
    late_s = dice.uniform(0.5, 1.0) * rates.late_s
    percents = sorted(dice.sample(range(5, 100), dice.randint(2, 4)))
    mute = dice.random() < rates.mute
    return DeviceScript(
        step=step,
        desc=desc,
        fail_fraction=fail_at,
        drop_fraction=drop_at if drops else None,
        away_s=late_s if late else away_s,
        start_s=dice.uniform(0.0, rates.delay_s),
        reboot_s=late_s if late and not drops else dice.uniform(0.0, rates.delay_s),
        silent=silent,
        mute=mute,
        late=late,
        copies=2 if repeats else 1,
        progress=_progress(percents, reorders),
        stale_percent=percents[0] if reorders else None,
    )


def _failure(draw: float, rates: Rates) -> tuple[int | None, str]:
    for name, (step, desc) in FAILURES.items():
        draw -= getattr(rates, name)
        if draw < 0:
            return step, desc
    return None, ""


def _progress(percents: list[int], reorders: bool) -> tuple[tuple[int, int], ...]:
    """Swap the last two when the device reorders: the higher is sent first, both when the higher is reached."""
    if not reorders:
        return tuple((percent, percent) for percent in percents)
    *first, low, high = percents
    return (*((percent, percent) for percent in first), (high, high), (high, low))
