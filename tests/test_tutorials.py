"""Run the tutorials from an empty folder, and compare what their commands print with what the pages show."""

import re
from pathlib import Path

import pytest

from tests.executed_pages import execute_page

FOLDER = Path(__file__).parent.parent / "docs" / "tutorial"
PAGES = [FOLDER / "first_study.md", FOLDER / "from_vector_to_study.md"]
# with decimals, or a percentage
_NUMBER = r"(?<![\w.])−?(?:\d*\.\d+(?!\.?\d)|\d+%)"


@pytest.mark.model
@pytest.mark.parametrize("path", [PAGES[0], pytest.param(PAGES[1], marks=pytest.mark.slow)])
def test_a_tutorial_shows_what_its_commands_print(path: Path, tmp_path: Path) -> None:
    page = path.read_text(encoding="utf-8")

    executed = execute_page(page, tmp_path)

    assert executed == page, "run python tools/update_tutorials.py, and read the changes"
    _require_numbers_of_the_text(page, [*tmp_path.glob("*/report.md")])


def _require_numbers_of_the_text(page: str, reports: list[Path]) -> None:
    """Require each number of the text (where there is one, of the section on the report) in an output."""
    fence = r"^```.*?^```$"
    outputs = [*re.findall(fence, page, re.MULTILINE | re.DOTALL), *(each.read_text() for each in reports)]
    shown = {number for each in outputs for number in re.findall(_NUMBER, each)}
    shown |= {f"{float(share.replace('−', '-')):.0%}" for share in shown if "%" not in share}
    _, _, on_report = page.partition("## Read the report")
    text = re.sub(rf"{fence}|`.*?`", "", on_report or page, flags=re.MULTILINE | re.DOTALL)

    assert set(re.findall(_NUMBER, text)) <= shown
