"""Prepare the streams of a command: what a terminal would obey is shown instead, and nothing stops a command.

Titles, names and texts may come from somebody else's archive, and may hold escape sequences that clear the
screen or write over a verdict. On standard output only colours and weights pass, as our own tables have them;
on standard error also what spinners and progress bars move the cursor by. Everything else becomes U+FFFD.
"""

import io
import os
import re
import sys
from pathlib import Path
from typing import Any, TextIO, cast

_COLOUR = r"(?:[0-47]|2[2-7]|39|49|[34][0-7]|9[0-7]|10[0-7]|[34]8;5;\d{1,3}|[34]8;2;\d{1,3};\d{1,3};\d{1,3})"
_STYLE = rf"\x1b\[(?:{_COLOUR}(?:;{_COLOUR})*)?m"
_MOVES = r"\x1b\[(?:\d{0,3}[AK]|\?25[lh])|\r"
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_REFUSED = {
    "stdout": re.compile(rf"({_STYLE})|{_CONTROLS}"),
    "stderr": re.compile(rf"({_STYLE}|{_MOVES})|{_CONTROLS}"),
}


class SafeStream:
    """A text stream that writes no control character but those of our own styles."""

    def __init__(self, stream: TextIO, refused: re.Pattern[str]) -> None:
        self.wrapped = stream
        self._refused = refused

    def write(self, text: str) -> int:
        """Write a text; controls other than our own become the replacement character."""
        self.wrapped.write(self._refused.sub(lambda found: found[1] or "\ufffd", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def prepare_streams() -> None:
    """Let neither a terminal's encoding nor closed streams stop a command, and no text steer the terminal.

    What an encoding cannot show becomes "?"; a closed standard input has no answers.
    """
    for name, refused in _REFUSED.items():
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
            setattr(sys, name, cast("TextIO", SafeStream(stream, refused)))
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 (for as long as the command runs)


def release_output() -> None:
    """Let a command draw on the whole screen, which makes texts safe by itself."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout = sys.stdout.wrapped
