"""One worker of `upwell serve --workers N`: run by its parent alone, which hands it what it is to serve."""

import asyncio
import gc
import logging
import os
import signal
import sys

import uvloop

from upwell.cli.exits import to_the_end
from upwell.cli.logfile import LogFile
from upwell.cli.logs import set_up_logging
from upwell.domain.errors import UpwellError
from upwell.service.journal import tell
from upwell.wiring.server import Server
from upwell.wiring.worker_metrics import Answering
from upwell.wiring.workers import Hand, answer, taken

log = logging.getLogger(__name__)
STDIN, STDOUT = 0, 1


async def work(hand: Hand, file: LogFile | None) -> int:
    """Serve until SIGTERM or the parent's end; the exit status."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server, number = Server(hand.settings, share=hand.share), hand.share.number
    answering = Answering(lambda shared: server.meter.read(shared=shared), STDOUT)
    loop.add_reader(STDIN, _heard, stop, answering)
    try:
        at = await server.start()
    except UpwellError as exc:
        os.write(STDOUT, answer(None, exc.problem))
        return 2
    try:
        loop.add_signal_handler(signal.SIGHUP, _reload, server, file)
        os.write(STDOUT, answer(at))
        await stop.wait()
        tell(log, "worker stops", worker=number)
    finally:
        await server.stop()
    return 0


def _heard(stop: asyncio.Event, answering: Answering) -> None:
    """Through standard input the parent asks for metrics; its end is the parent's."""
    data = os.read(STDIN, 1024)
    answering.heard(data)
    if not data:
        asyncio.get_running_loop().remove_reader(STDIN)
        stop.set()


def _reload(server: Server, file: LogFile | None) -> None:
    if file is not None:
        file.reopen()
    server.reload()


def main() -> int:
    """Read what is handed, then serve."""
    gc.freeze()  # as `loading` does
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    hand = taken(sys.stdin.buffer)
    file = LogFile(hand.settings.log_file) if hand.settings.log_file else None
    set_up_logging(hand.settings, file or logging.StreamHandler())
    return uvloop.run(work(hand, file))


if __name__ == "__main__":
    to_the_end(main)
