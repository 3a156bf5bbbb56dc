"""Watch what the process behind `rater serve` imports."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

FORBIDDEN = re.compile(
    r"\| +(torch|transformer_lens|transformers"
    r"|rater\.(analysis|generate|publish|steering|store\.sealed|study\.arms|study\.study|unblind)(\.\w+)*)$"
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
    assert any(line.rstrip().endswith("rater.web.rater") for line in imported)
    assert [line for line in imported if FORBIDDEN.search(line.rstrip())] == []
