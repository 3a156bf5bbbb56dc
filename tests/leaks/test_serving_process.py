"""Watch what the process behind `rater serve` imports."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

FORBIDDEN = re.compile(
    r"\| +(torch|transformer_lens|transformers"
    r"|rater\.(analysis|generate|publish|steering|store\.sealed|study\.arms|study\.study|unblind|verify)(\.\w+)*)$"
)


def test_serving_imports_nothing_that_knows_an_arm(
    rating_url: str, publish_study: Callable[..., str], tmp_path: Path
) -> None:
    slug = publish_study()
    log = tmp_path / "imports.log"
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "rater",
        "serve",
        "--port",
        "0",
        "--ratings",
        rating_url,
    ]
    with log.open("w") as imports:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=imports, text=True, cwd=tmp_path, env=os.environ
        )
    assert server.stdout is not None

    address = server.stdout.readline().split()[0]
    page = httpx.get(address)
    server.terminate()
    server.communicate(timeout=30)

    imported = log.read_text().splitlines()
    assert address.endswith(f"/s/{slug}")
    assert page.status_code == 200
    assert any(line.rstrip().endswith("rater.web.rating") for line in imported)
    assert [line for line in imported if FORBIDDEN.search(line.rstrip())] == []


def environments(pid: int) -> dict[int, bytes]:
    """Read the environments of a process and of all that it started, as the system shows them."""
    found = {pid: Path(f"/proc/{pid}/environ").read_bytes()}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= environments(int(child))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_no_process_of_the_server_has_the_sealed_url_in_its_environment(
    rating_url: str, publish_study: Callable[..., str], tmp_path: Path
) -> None:
    publish_study()
    command = [sys.executable, "-m", "rater", "serve", "--port", "0", "--ratings", rating_url]
    url = "postgresql+psycopg://owner:s3cretpw@localhost/sealed"
    with (tmp_path / "errors.log").open("w") as errors:
        server = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "RATER_SEALED": url, "KEPT": "yes"},
        )
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]
    page = httpx.get(address)
    found = environments(server.pid)
    server.terminate()
    server.communicate(timeout=30)

    assert page.status_code == 200
    assert len(found) == 3  # the server and two workers
    assert all(b"KEPT=yes" in environ for environ in found.values())
    assert not [pid for pid, environ in found.items() if b"s3cretpw" in environ or b"RATER_SEALED" in environ]
