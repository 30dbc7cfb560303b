"""Follows docs/ten-minutes.md word for word: types each line of its blocks into a terminal, where and as whom the
words before the block say. It knows the standard library alone, for it runs in a Debian with nothing else in it.

Run: python3 ten_minutes.py PAGE FOLDER, by root in a network of its own with --lo. It ends with one JSON object: what
each block said, by its first line."""

import argparse
import contextlib
import fcntl
import json
import os
import pty
import pwd
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BLOCK = re.compile(r"(?:^#+ (?P<head>.+?)$)|(?:(?P<before>[^\n]*)\n\n```sh\n(?P<block>.*?)^```$)", re.M | re.S)
PROMPT = re.compile(r"DONE-WITH-(\d+)> $")
MORE = "AND-THEN> "
WITHIN_S = 300.0
SIGN_IN = r"first sign-in, until there is a user: (\S+)"
TOKEN = r"first token, [^\n]*: (\S+)"


class Terminal:
    """A shell at a terminal, as somebody opens one; of a user if one is named."""

    def __init__(self, folder: Path, user: "pwd.struct_passwd | None") -> None:
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("UPWELL_", "PYTHON"))}
            if user is not None:
                os.initgroups(user.pw_name, user.pw_gid)
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
                kept |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
            os.execvpe("bash", ["bash", "--noediting", "-i"], kept | {"TERM": "dumb"})
        self.type(f"stty -echo; PROMPT_COMMAND= PS1='DONE-WITH-$?> ' PS2='{MORE}'")
        self.finish()

    def type(self, line: str) -> None:
        os.write(self.fd, line.encode() + b"\n")

    def read(self) -> None:
        """What comes next."""
        ready, _, _ = select.select([self.fd], [], [], WITHIN_S)
        try:
            told = os.read(self.fd, 65536) if ready else b""
        except OSError:  # the shell has ended
            told = b""
        if not told:
            sys.exit(f"{'it ended' if ready else 'nothing more was said'} after:\n{self.said[-3000:]}")
        self.said += told.decode(errors="replace").replace("\r\n", "\n")

    def until(self, pattern: str) -> str:
        """The first match of what is said."""
        while (found := re.search(pattern, self.said)) is None:
            if PROMPT.search(self.said):
                sys.exit(f"it ended before it said {pattern}:\n{self.said[-3000:]}")
            self.read()
        return found[1]

    def finish(self, token: str = "") -> str:
        """Wait for the command's end; a token that is asked for is given. Returns what it said; it must end well."""
        while (ended := PROMPT.search(self.said)) is None and not self.said.endswith(MORE):
            if token and re.search(r"Key \(upw_[^\n]*: $", self.said):
                self.type(token)
                token = ""
                self.said += "\n"
            self.read()
        told, self.said = self.said, ""
        if ended is not None and ended[1] != "0":
            sys.exit(f"it ended with {ended[1]}:\n{told[-3000:]}")
        return told.replace(MORE, "").removesuffix(ended[0] if ended else "")


class Reader:
    """Someone with the page, and the terminals that they have opened."""

    def __init__(self, folder: Path, user: "pwd.struct_passwd | None") -> None:
        self.folder, self.user = folder, user
        self.terminals: list[Terminal] = []
        self.here = self.open()
        self.staying: dict[str, Terminal] = {}  # by command
        self.token = ""
        self.told: dict[str, str] = {}

    def open(self) -> Terminal:
        """A new terminal."""
        self.terminals.append(Terminal(self.folder, self.user))
        return self.terminals[-1]

    def follow(self, before: str, block: str) -> None:
        """One block."""
        lines = block.splitlines()
        if "new terminal" in before and "stays open" in before:
            self.stay(lines)
            return
        if "as root" in before and self.user is not None:
            done = subprocess.run(["bash", "-e", "-c", block], capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{block}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
            return
        if "new terminal" in before:
            self.here = self.open()
        said = ""
        for line in lines:
            print(f"$ {line}", flush=True)
            self.here.type(line)
            said += self.here.finish(self.token)
        print(said, flush=True)
        self.told[lines[0]] = said

    def stay(self, lines: "list[str]") -> None:
        """In a terminal that stays open."""
        terminal = self.open()
        [line] = lines
        self.staying[" ".join(line.split()[:2])] = terminal
        print(f"$ {line} &", flush=True)
        terminal.type(line)
        if line.startswith("upwell serve"):
            link, self.token = terminal.until(SIGN_IN), terminal.until(TOKEN)
            with urllib.request.urlopen(link, timeout=30) as page:
                self.told["the link"] = page.read().decode()

    def end(self) -> None:
        """What plays devices has ended by itself; Ctrl-C ends the server."""
        for command, terminal in reversed(self.staying.items()):
            if command == "upwell serve":
                os.write(terminal.fd, b"\x03")
            self.told[command] = terminal.finish()

    def leave(self) -> None:
        """Close the terminals, and end what still runs in them."""
        for terminal in self.terminals:
            with contextlib.suppress(ProcessLookupError):  # what runs there, and the shell
                os.killpg(os.tcgetpgrp(terminal.fd), signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError):
                os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)


def lo_up() -> None:
    """The loopback of a network of one's own is down at first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(asked, 0x8913, request))[1]  # SIOCGIFFLAGS
        fcntl.ioctl(asked, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("page", type=Path)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--user")
    asked.add_argument("--begin", default="", help="the heading to begin at")
    asked.add_argument("--end", default="", help="the heading to end before")
    asked.add_argument("--lo", action="store_true", help="bring the loopback up")
    given = asked.parse_args()
    if given.lo:
        lo_up()
    began = time.monotonic()
    reader = Reader(given.folder, pwd.getpwnam(given.user) if given.user else None)
    on = not given.begin
    try:
        for found in BLOCK.finditer(given.page.read_text("utf-8")):
            if found["head"]:
                on = (on or found["head"] == given.begin) and found["head"] != given.end
            elif on:
                reader.follow(found["before"], found["block"])
        reader.end()
    finally:
        reader.leave()
    print(json.dumps({"took_s": round(time.monotonic() - began, 1), "told": reader.told}))


if __name__ == "__main__":
    main()
