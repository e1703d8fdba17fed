"""A pseudo-terminal in which a test types, as a person does."""

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import livekit_server
from tests.e2e.programs import PROJECT, TIMEOUT

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b.|\r")
PATIENCE_SECONDS = 5  # for a key to show
CTRL_B, CTRL_C = "\x02", "\x03"
SOUND_CARD = str(Path(__file__).with_name("fake_sound_card"))


class Terminal:
    """The terminal of one running program.

    Attributes:
        process: the program.
        screen: everything that it has printed, without control sequences.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.screen = ""
        self._master = master
        self._read_until = 0

    def types(self, text: str) -> None:
        """Type one character after the other, as a person does: the consoles drop faster ones.

        They also drop one now and then while they print a line of the log. A person types it again.
        """
        for end in range(1, len(text) + 1):
            self.presses(text[end - 1])
            try:
                self.shows(text[:end], PATIENCE_SECONDS)
            except AssertionError:
                self.presses(text[end - 1])
                self.shows(text[:end])

    def presses(self, key: str) -> None:
        """Press a key, once the program reads keys."""
        self._until(self._reads_keys, "a program that reads keys")
        os.write(self._master, key.encode())

    def shows(self, words: str, seconds: float = TIMEOUT) -> None:
        """Wait until `words` appear after what the last call waited for."""
        self._until(lambda: words in self.screen[self._read_until :], words, seconds)
        self._read_until = self.screen.index(words, self._read_until) + len(words)

    def ends(self) -> int:
        """Wait for the end of the program, and return its exit code."""
        self._until(lambda: self.process.poll() is not None, "the end of the program")
        self._read()
        return self.process.returncode

    def _reads_keys(self) -> bool:
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def _until(self, holds: Callable[[], bool], wanted: str, seconds: float = TIMEOUT) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"no {wanted!r} in:\n{self.screen}"
            self._read()

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.1)[0]:
            try:
                text = os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # the program has closed its terminal
                return
            self.screen += CONTROL.sub("", text)


@contextmanager
def terminal(*arguments: str, env: dict[str, str]) -> Iterator[Terminal]:
    """Run `python -m …` of the project in a terminal, on a machine with a fake sound card."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 200))
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": SOUND_CARD, **env},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        with livekit_server.ending(process, TIMEOUT):
            yield Terminal(process, master)
    finally:
        os.close(master)
