"""Run `rater` in this process, as a shell would: most of a command's time is the second its imports take."""

import contextlib
import io
import os
import sys
import warnings
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

import pytest

from rater.cli import main


def run(
    *arguments: str | Path,
    cwd: Path,
    stdin: str = "",
    environ: dict[str, str] | None = None,
    merged: bool = False,
) -> CompletedProcess[str]:
    """Run a command in a folder, 100 columns wide, and return what it printed and exited with.

    If ``merged``, standard error is in the standard output, as a terminal shows it.
    """
    command = ["rater", *map(str, arguments)]
    read, out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(3))
    read.write(stdin)
    read.seek(0)
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out if merged else err),
        patch.object(sys, "stdin", read),
        patch.object(sys, "argv", command),
        patch.dict(os.environ, {"COLUMNS": "100", **(environ or {})}),
        patch.object(warnings, "formatwarning"),  # which `main` sets for good
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        status = _status()
    return CompletedProcess(command, status, _printed(out), _printed(err))


def _status() -> int:
    """Run `main`; an exception that is not a user's mistake fails the test with its traceback."""
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _printed(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
