"""Run `rater serve` on a free port, in a process that knows one rating database only."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rater.errors import StateError

_STOP_S = 60.0


@contextlib.contextmanager
def serving(rating_url: str, folder: Path) -> Iterator[str]:
    """Serve a rating database from a folder during a block; yields the server's address.

    Raises:
        StateError: the server does not start; the message has its output.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RATER_")}
    command = [
        *(sys.executable, "-m", "rater", "serve"),
        *("--port", "0", "--drain", "0", "--ratings", rating_url),
    ]
    log = folder / "serve.log"
    with log.open("w") as errors:
        server = subprocess.Popen(  # noqa: S603 (our own command)
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environ, cwd=folder
        )
    try:
        yield _address(server, log)
    finally:
        server.terminate()
        server.communicate(timeout=_STOP_S)


def _address(server: "subprocess.Popen[str]", log: Path) -> str:
    assert server.stdout is not None  # noqa: S101 (opened with a pipe)
    for line in server.stdout:
        found = re.search(r"http://[^/\s]+", line)
        if found:
            return found.group()
    msg = f"The server did not start: {log.read_text().strip()}"
    raise StateError(msg)
