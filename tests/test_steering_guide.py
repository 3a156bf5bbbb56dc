"""Run the code of the guides to steering, in its order, and compare what it prints."""

from pathlib import Path

import pytest

from tests.executed_pages import execute_page

GUIDES = Path(__file__).parent.parent / "docs" / "how-to"


@pytest.mark.model
@pytest.mark.parametrize(
    ("guide", "n_blocks"),
    [
        ("steering.md", 8),
        ("tokens.md", 6),
        ("corpus.md", 2),
        pytest.param("llm-steering.md", 18, marks=pytest.mark.slow),
    ],
)
def test_the_guides_code_prints_what_it_shows(guide: str, n_blocks: int, tmp_path: Path) -> None:
    page = (GUIDES / guide).read_text(encoding="utf-8")

    assert execute_page(page, tmp_path) == page
    assert page.count("```python\n") == n_blocks
