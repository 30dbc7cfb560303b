"""Commands of the program, each in a process of its own, forked from one that has loaded the program already: a command
costs its work and not half a second of loading. Run as a program this file is the loaded one: a command a line, an
answer a line. What only a cold start shows is tested by `serve` and in integration/test_command_line.py.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

_SECONDS = 300


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Warm:
    """The loaded program, from the first command to the end of the tests."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environment),
        )
        atexit.register(self.close)

    def run(
        self, command: Sequence[str], given: str, environ: Mapping[str, str] | None = None, folder: str = "."
    ) -> Done:
        """`given` is the command's input; `environ` is set beside what the loaded program has, in that folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps([list(command), given, dict(environ or {}), folder]), file=self._process.stdin, flush=True)
            return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()  # it ends with its input


def _answer(command: Sequence[str], given: str, environ: Mapping[str, str], folder: str) -> Done:
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told.write(given.encode())
        told.seek(0)
        child = os.fork()
        if child == 0:
            for handle, file in enumerate((told, out, err)):
                os.dup2(file.fileno(), handle)
            os.environ.update(environ)
            os.chdir(folder)
            signal.alarm(_SECONDS)  # a command that never ends fails its own test, and not all after it
            _become(command)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        err.seek(0)
        return Done(os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode())


def _become(command: Sequence[str]) -> NoReturn:
    """What the entry point `upwell` does, to the end of the process."""
    sys.argv = ["upwell", *command]
    sys.stdin = os.fdopen(0)
    code = 1
    try:
        run()
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    from upwell.cli.loading import loading

    with loading():
        from upwell.cli.main import run
        from upwell.cli.tree import PLACES, loaded

        importlib.import_module("upwell.wiring.server")  # what `serve` loads when it runs
    for name in PLACES:
        for remote in (False, True):
            loaded(name, remote=remote)
    with contextlib.redirect_stdout(None), contextlib.suppress(SystemExit):  # what a first command loads, is loaded
        sys.argv = ["upwell", "version"]
        run()
    gc.freeze()  # what is forked neither looks through it for garbage nor copies its pages to do so
    while line := sys.stdin.readline():
        print(json.dumps(_answer(*json.loads(line))), flush=True)
