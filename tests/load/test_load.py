"""The load driver works; its measurements are made by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).resolve().parent / "drive.py"


@pytest.mark.slow
def test_the_driver_measures_both_servers_without_an_error() -> None:
    command = [sys.executable, str(DRIVER), "--raters", "3", "--think", "0", "--seconds", "1", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    rows = json.loads(done.stdout)
    assert [row["server"] for row in rows] == ["bare", "rater"]
    assert [row["errors"] for row in rows] == [0, 0]
    assert all(row["ratings"] > 0 and row["p50_ms"] <= row["p99_ms"] for row in rows)
