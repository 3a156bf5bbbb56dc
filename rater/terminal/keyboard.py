"""Read a rater's input: single keys from a terminal, lines from a pipe."""

import sys
import time
from typing import TextIO

import click

_ESCAPE = "\x1b"
# The code of an arrow key or a function key may arrive in pieces over a slow connection. After this pause the
# rest has arrived, and is dropped with everything else that was typed before the next question.
_SEQUENCE_GAP_S = 0.05


class Keyboard:
    """A rater's keys, in lower case; Enter is the empty string.

    Input that was typed before a question was shown is dropped, since it cannot be an answer to it.

    Attributes:
        stream: Standard input; or, where no terminal is needed, any stream of lines.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def key(self) -> str:
        """Wait for one key; without a terminal, for one line.

        An arrow key or a function key is returned as the first character of its code, which is no answer.

        Raises:
            EOFError: the input has ended.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if not self._stream.isatty():
            return self.line()
        pressed = click.getchar()  # drops what was typed before
        if pressed == _ESCAPE:
            time.sleep(_SEQUENCE_GAP_S)
        if not pressed:
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
            _drop_typed_ahead(self._stream)
        line = self._stream.readline()
        if not line:
            raise EOFError
        return line.strip()


def _drop_typed_ahead(stream: TextIO) -> None:
    """Drop the keys that a terminal has received but nobody has read; click has no function for it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (Windows only)

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios  # noqa: PLC0415 (POSIX only)

        termios.tcflush(stream.fileno(), termios.TCIFLUSH)
