import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.command import run


@pytest.mark.model
def test_the_page_is_served_until_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rater", "try", "--device", "cpu"]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # it is ignored where the tests run in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
    )
    assert server.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+/\S+/", server.stdout.readline())
    assert found
    with urllib.request.urlopen(found[0]) as shown:  # noqa: S310 (our own server)
        page = shown.read().decode()
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)

    assert "Try a vector on smollm2-135m-instruct" in page
    assert server.returncode == 0
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [(("--port", "70000"), "70000"), (("--device", "tpu"), "Unknown device 'tpu'"), (("./none",), "./none")],
)
def test_mistakes_are_named(tmp_path: Path, arguments: tuple[str, ...], phrase: str) -> None:
    shown = run("try", *arguments, cwd=tmp_path)

    assert shown.returncode == 2
    assert phrase in shown.stderr
    assert "Traceback" not in shown.stderr
