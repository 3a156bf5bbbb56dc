"""Read what a rater presses: single keys where there is a terminal, lines where input comes from a pipe."""

import contextlib
import os
import select
import termios
import tty
from collections.abc import Iterator
from typing import TextIO

_LONGEST_SEQUENCE = 64
_SEQUENCE_GAP_S = 0.05
_ESCAPE = "\x1b"
_END = "\x04"


class Keyboard:
    """A rater's keys, in lower case; Enter is the empty string.

    What was pressed before a question stood on the screen is dropped: it cannot be an answer to it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def key(self) -> str:
        """Wait for one key; without a terminal, for one line.

        Raises:
            EOFError: the input has ended.
        """
        if not self._stream.isatty():
            return self.line()
        fd = self._stream.fileno()
        with _key_by_key(fd):
            pressed = os.read(fd, _LONGEST_SEQUENCE).decode(errors="replace")
            while pressed.startswith(_ESCAPE) and select.select([fd], [], [], _SEQUENCE_GAP_S)[0]:
                os.read(fd, _LONGEST_SEQUENCE)  # the rest of an arrow's or a function key's sequence
        if not pressed or pressed.startswith(_END):
            raise EOFError
        return "" if pressed[0] in "\r\n" else pressed[0].lower()

    def line(self) -> str:
        """Wait for one line, in lower case and without the spaces around it.

        Raises:
            EOFError: the input has ended.
        """
        return self.text().lower()

    def text(self) -> str:
        """Wait for one line as it was written, without the spaces around it.

        Raises:
            EOFError: the input has ended.
        """
        if self._stream.isatty():
            termios.tcflush(self._stream.fileno(), termios.TCIFLUSH)
        line = self._stream.readline()
        if not line:
            raise EOFError
        return line.strip()


@contextlib.contextmanager
def _key_by_key(fd: int) -> Iterator[None]:
    """Let a terminal hand over each key at once and unechoed; Ctrl-C still interrupts."""
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd, termios.TCSAFLUSH)  # the flush drops what was typed ahead
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
