"""One simulated device that behaves as one built on its vendor's C SDK, following its script.

It guarantees: every report is sent at QoS 1 and sent again after each reconnect until the server acknowledged it;
`acknowledged` holds exactly those reports that got a PUBACK; a push is acknowledged before it is acted on; an image is
never held in memory; a real fault of the server is never taken for a scripted one: it is written to `problems`.
It subscribes to what its vendor's SDK does and no more, and outlives any number of server restarts. Its words are
speech.py's.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from upwell.simulator import wire
from upwell.simulator.script import DeviceScript, Outcome
from upwell.simulator.site import Site
from upwell.simulator.speech import SPEECHES
from upwell.simulator.transfer import StepError, Transfer
from upwell.simulator.wire import DeviceIdentity, Offer

KEEP_ALIVE_S = 300  # alibaba 6.1: 30 to 1200.
ANSWER_TIMEOUT_S = 30.0  # A server that owes an answer for longer is taken for dead.
WATCH_INTERVAL_S = 5.0
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 3.0
REFUSALS_MAX = 5  # Downloads answered 403 or 404 in a row before the device gives up.
OUTAGES_MAX = 60  # Downloads broken without one byte gained: about two and a half minutes of a server that is away.
SUBSCRIBE_ID = 65535  # No report has it: they count from 1, and nobody has so many at once.
UNAVAILABLE = 3  # CONNACK code of a server that is not ready; not answering at all is the same to a device.
CHUNK_SIZE = 128 * 1024
PROBLEMS_MAX = 20  # A list for people; the first ones tell the story.


@dataclass(slots=True)
class Report:
    kind: Literal["inform", "progress"]
    value: str
    """The version or the step."""
    topic: str
    payload: bytes
    sent_at: float = 0.0
    """Monotonic; 0 before it was first sent."""
    acknowledged_at: float = 0.0


class Device:
    """Run it with `run()`; cancel that to switch it off."""

    def __init__(self, identity: DeviceIdentity, script: DeviceScript, site: Site) -> None:
        self.identity = identity
        self.speech = SPEECHES[identity.kind]
        self.script = script
        self.version = identity.version
        self.outcome: Outcome | None = None
        """Where its last upgrade ended, once the server has acknowledged the report of it."""
        self.said: Outcome | None = None
        """The same from just before it is first said: no server can know more."""
        self.asked: list[float] = []
        """When it was asked for its version, in monotonic time."""
        self.acknowledged: list[Report] = []
        self.offers: list[tuple[float, str, str]] = []
        """Every push received, repeated and ignored ones too: (monotonic time, version, url)."""
        self.problems: list[str] = []
        self._site = site
        self._told = asyncio.Event()
        self._online = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._outbox: dict[int, Report] = {}
        self._packet_id = 0
        self._message_id = 0
        self._link: wire.Link | None = None
        self._rest_s = 0.0
        self._dice = random.Random(f"{script!r}:{identity.device_name}")
        self._latest: Offer | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._progress: deque[tuple[int, int]] = deque()
        self._tasks = asyncio.TaskGroup()

    def wake(self) -> None:
        """Tell a silent device to go on."""
        self._told.set()

    @property
    def as_scripted(self) -> bool:
        """Its upgrade is over and ended as its script says."""
        return self.outcome == self.script.expected

    @property
    def unacknowledged(self) -> int:
        return len(self._outbox)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with self._tasks:
            backoff_s = BACKOFF_FIRST_S
            while True:
                await self._site.gate.turn()
                if await self._connection():
                    backoff_s = BACKOFF_FIRST_S
                rest_s, self._rest_s = self._rest_s, 0.0
                await asyncio.sleep(rest_s or backoff_s * self._dice.uniform(0.5, 1.0))
                backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)

    # The connection

    async def _connection(self) -> bool:
        """One connection from CONNECT to its end; whether the server accepted it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                _, link = await asyncio.get_running_loop().create_connection(
                    lambda: wire.Link(self._on_packet), self._site.host, self._site.port
                )
        except OSError:  # Also TimeoutError. A server that is away is part of the game: run() comes again.
            return False
        try:
            return await self._session(link)
        finally:
            link.abort()

    async def _session(self, link: wire.Link) -> bool:
        link.send(wire.connect(*self.speech.login(self.identity), KEEP_ALIVE_S))
        answers: set[asyncio.Future[Any]] = {link.accepted, link.lost}
        await asyncio.wait(answers, timeout=ANSWER_TIMEOUT_S, return_when="FIRST_COMPLETED")
        code = link.accepted.result() if link.accepted.done() else UNAVAILABLE
        if code:
            if code != UNAVAILABLE:
                self._problem(f"CONNECT refused with code {code}")
            return False
        if not await self._subscribed(link):
            return True
        self._link = link
        self._site.counters.connected += 1
        self._site.counters.connections += 1
        try:
            self._welcome()
            while not link.lost.done():
                await asyncio.wait({link.lost}, timeout=WATCH_INTERVAL_S)
                self._watch(link)
        finally:
            self._link = None
            self._online.clear()
            self._site.counters.connected -= 1
        if (reason := link.lost.result()) is not None:
            self._problem(str(reason))
        return True

    async def _subscribed(self, link: wire.Link) -> bool:
        """Whether the server granted the one subscription that its SDK waits for; True where there is none."""
        topic_filter = self.speech.subscription(self.identity)
        if topic_filter is None:
            return True
        link.send(wire.subscribe(topic_filter, SUBSCRIBE_ID))
        answers: set[asyncio.Future[Any]] = {link.granted, link.lost}
        await asyncio.wait(answers, timeout=ANSWER_TIMEOUT_S, return_when="FIRST_COMPLETED")
        if link.granted.done() and link.granted.result() == b"\x01":
            return True
        if not link.lost.done():
            self._problem(f"no subscription to {topic_filter}")
        return False

    def _welcome(self) -> None:
        """First what was never acknowledged, in its order; then the version (alibaba 6.9: within 2 s)."""
        for packet_id, report in self._outbox.items():
            self._send(packet_id, report)
        if not any(r.kind == "inform" and r.value == self.version for r in self._outbox.values()):
            self._inform()
        self._online.set()

    def _watch(self, link: wire.Link) -> None:
        now = time.monotonic()
        oldest = min((report.sent_at for report in self._outbox.values()), default=now)
        if now - min(oldest, link.ping_sent_at or now) > ANSWER_TIMEOUT_S and not link.lost.done():
            self._problem(f"no answer for {ANSWER_TIMEOUT_S:.0f} s")
            link.abort()
        elif now - link.last_sent_at > KEEP_ALIVE_S / 2 and link.ping_sent_at is None:
            link.send(wire.PINGREQ)
            link.ping_sent_at = now

    def _on_packet(self, link: wire.Link, packet: wire.Packet) -> None:
        match packet:
            case wire.Puback(packet_id):
                self._acknowledge(packet_id)
            case wire.Publish():
                if packet.qos:
                    link.send(wire.puback(packet.packet_id))
                self._on_push(packet)

    def _on_push(self, packet: wire.Publish) -> None:
        if packet.topic != self.speech.push_topic(self.identity):
            self._problem(f"pushed on topic {packet.topic!r}")
            return
        try:
            if self.speech.asks(self.identity, packet.payload):
                self.asked.append(time.monotonic())
                if not self.script.mute:
                    self._inform()
                return
            offer = self.speech.offer(self.identity, packet.payload)
        except wire.WireError as exc:
            self._problem(str(exc))
            return
        self.offers.append((time.monotonic(), offer.version, offer.url))
        self._site.counters.offered += 1
        self._consider(offer)

    def _consider(self, offer: Offer) -> None:
        """Take the offer, or leave it: the version it runs, or one upgrade already going on (alibaba 6.7)."""
        if offer.version == self.version or self.script.mute:
            return
        if self._upgrade is None or self._upgrade.done():
            self._latest, self.outcome, self.said = offer, None, None
            self._upgrade = self._tasks.create_task(self._run_upgrade(offer))
        elif self._latest and (offer.version, offer.digests) == (self._latest.version, self._latest.digests):
            self._latest = offer  # The same image again; a later try of the download uses the fresher URL.

    # Reports

    def _inform(self) -> None:
        self._message_id += 1
        words = self.speech.inform(self.identity, self.version, self._message_id, int(time.time()))
        self._report("inform", self.version, *words)

    def _step(self, step: int, desc: str = "") -> None:
        self._message_id += 1
        words = self.speech.step(self.identity, step, desc, self._message_id, int(time.time()))
        self._report("progress", str(step), *words)

    def _report(self, kind: Literal["inform", "progress"], value: str, topic: str, payload: bytes) -> None:
        for _ in range(self.script.copies):
            packet_id, report = self._free_id(), Report(kind, value, topic, payload)
            self._outbox[packet_id] = report
            self._drained.clear()
            self._send(packet_id, report)

    def _free_id(self) -> int:
        """The next packet id that no unacknowledged report holds; 0 is not one (MQTT 3.1.1 section 2.3.1)."""
        while True:
            self._packet_id = self._packet_id % (SUBSCRIBE_ID - 1) + 1
            if self._packet_id not in self._outbox:
                return self._packet_id

    def _send(self, packet_id: int, report: Report) -> None:
        if self._link is not None:
            report.sent_at = time.monotonic()
            self._link.send(wire.publish(report.topic, report.payload, packet_id))

    def _acknowledge(self, packet_id: int) -> None:
        report = self._outbox.pop(packet_id, None)
        if report is None:
            self._problem(f"PUBACK for packet {packet_id}, which was not sent")
            return
        report.acknowledged_at = time.monotonic()
        self.acknowledged.append(report)
        self._site.counters.acknowledged += 1
        if not self._outbox:
            self._drained.set()

    def _problem(self, text: str) -> None:
        self._site.counters.problems += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(text)

    # The upgrade

    async def _run_upgrade(self, offer: Offer) -> None:
        outcome: Outcome = "SUCCEEDED"
        if self.script.silent:
            await self._told.wait()
        await asyncio.sleep(self.script.start_s)
        try:
            await self._install(offer)
        except StepError as exc:
            outcome = self.said = "FAILED"
            self._step(exc.step, str(exc))
        else:
            self.said = outcome
            await self._reboot(offer)
        if self.script.stale_percent is not None:
            self._step(self.script.stale_percent)
        await self._drained.wait()
        self.outcome = outcome

    async def _install(self, offer: Offer) -> None:
        """Download, verify, burn; raises StepError where the script or the server ends it."""
        transfer, script = Transfer(offer, self.identity.device_secret), self.script
        self._progress = deque(script.progress)
        if script.drop_fraction is not None:
            await self._fetch(transfer, int(offer.size * script.drop_fraction))
            self._go_away(script.away_s)
            await self._online.wait()
        if script.step == -2:
            await self._fetch(transfer, int(offer.size * script.fail_fraction))
            raise StepError(-2, script.desc)
        await self._fetch(transfer, offer.size)
        try:
            transfer.verify()
        except StepError as exc:
            self._problem(str(exc))
            raise
        if script.step == -3:
            raise StepError(-3, script.desc)
        self._step(100)
        if script.step is not None:
            raise StepError(script.step, script.desc)

    def _go_away(self, rest_s: float) -> None:
        self._online.clear()
        self._rest_s = rest_s
        if self._link is not None:
            self._link.abort()

    async def _reboot(self, offer: Offer) -> None:
        await self._drained.wait()
        self.version = offer.version
        self._online.clear()
        self._rest_s = self.script.reboot_s
        if self._link is not None:
            self._link.close()
        self._site.counters.rebooted += 1
        await self._online.wait()

    async def _fetch(self, transfer: Transfer, stop: int) -> None:
        """Bring the transfer to byte `stop`, through refusals and outages; raises StepError when there are too many."""
        refusals = outages = 0
        while transfer.received < stop or not transfer.offer.size:
            before, fault = transfer.received, ""
            try:
                async with self._site.downloads:
                    await self._stream(transfer, stop)
                if not transfer.offer.size:
                    return
            except wire.RefusedError as exc:
                refusals, outages = (refusals, outages + 1) if exc.status >= 500 else (refusals + 1, outages)
                fault = str(exc)
            except wire.WireError as exc:
                refusals, fault = refusals + 1, str(exc)
                self._problem(fault)
            except (OSError, EOFError) as exc:
                outages, fault = outages + 1, f"{type(exc).__name__} at byte {transfer.received}"
            if transfer.received > before:
                refusals = outages = 0
            if refusals >= REFUSALS_MAX or outages >= OUTAGES_MAX:
                self._problem(f"download given up: {fault}")
                raise StepError(-2, f"download failed: {fault}")
            if fault:
                await asyncio.sleep(min(BACKOFF_FIRST_S * 2 ** (refusals + outages), BACKOFF_MAX_S))

    async def _stream(self, transfer: Transfer, stop: int) -> None:
        """One GET, as far as it goes. The first byte asked for is the first one not yet received."""
        self._site.counters.downloading += 1
        loop = asyncio.get_running_loop()
        latest = self._latest or transfer.offer
        try:
            async with (
                asyncio.timeout(ANSWER_TIMEOUT_S) as limit,
                wire.open_download(latest.url, transfer.received, latest.token) as (head, body),
            ):
                self._begin(transfer, head)
                while transfer.received < stop:
                    chunk = await body.read(min(CHUNK_SIZE, stop - transfer.received))
                    if not chunk:
                        raise EOFError
                    limit.reschedule(loop.time() + ANSWER_TIMEOUT_S)
                    self._take(transfer, chunk)
        finally:
            self._site.counters.downloading -= 1

    def _begin(self, transfer: Transfer, head: wire.Head) -> None:
        size = transfer.offer.size
        if head.start + head.length != size:  # alibaba 6.5: size must be exact, one byte off never finishes.
            raise wire.WireError(f"{head.length} bytes from {head.start} on, the push said {size} in all")
        if head.start != transfer.received:
            transfer.restart()
        if not transfer.received and len(self._progress) == len(self.script.progress):
            self._step(0)

    def _take(self, transfer: Transfer, chunk: bytes) -> None:
        transfer.take(chunk)
        self._site.counters.bytes += len(chunk)
        while self._progress and transfer.received * 100 >= self._progress[0][0] * transfer.offer.size:
            self._step(self._progress.popleft()[1])
