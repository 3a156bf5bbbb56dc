"""Run what the Makefile does with databases, in a folder with somebody's studies."""

import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parent.parent.parent / "Makefile"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "rater-data").mkdir()
    (tmp_path / "rater-data" / "rating.db").write_text("what raters answered")
    return tmp_path / "rater-data"


def make(folder: Path, *arguments: str) -> str:
    command = ["make", "--file", str(MAKEFILE), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr


def test_a_fresh_demo_moves_all_studies_aside_and_says_where_to(data: Path) -> None:
    said = make(data.parent, "fresh-demo", "MAKE=true")  # without the demo after it

    (aside,) = data.parent.glob("rater-data.*")
    assert not data.exists()
    assert (aside / "rating.db").read_text() == "what raters answered"
    assert f"is in {aside.name} now" in said


def test_cleaning_leaves_what_raters_answered(data: Path) -> None:
    (data.parent / ".venv").mkdir()

    said = make(data.parent, "clean")

    assert not (data.parent / ".venv").exists()
    assert (data / "rating.db").read_text() == "what raters answered"
    assert "rater-data stays" in said
