"""Hold the reference pages against the code they are written from."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code has them now; made in a process of its own, since click remembers its options."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, DOCS / "make_reference.py", folder], check=True)
    return folder


@pytest.mark.parametrize("page", ["study.md", "commands.md", "data.md"])
def test_a_reference_page_says_what_the_code_says(made: Path, page: str) -> None:
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert written == (made / page).read_text(encoding="utf-8"), "out of date; run: make docs"


def test_every_field_that_an_experimenter_can_set_has_a_meaning(made: Path) -> None:
    assert "see its docstring" not in (made / "study.md").read_text(encoding="utf-8")
