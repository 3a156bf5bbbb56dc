"""Run the code of docs/how-to/steering.md, in its order, and compare what it prints."""

from pathlib import Path

import pytest

from tests.executed_pages import execute_page

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "steering.md"


@pytest.mark.model
def test_the_guides_code_prints_what_it_shows(tmp_path: Path) -> None:
    page = GUIDE.read_text(encoding="utf-8")

    assert execute_page(page, tmp_path) == page
    assert page.count("```python\n") == 7
