"""Run the code of docs/how-to/analysis.md, in its order, and compare what it prints."""

import io
import re
from pathlib import Path

from rater.analysis import read
from rater.analysis.tidy_frame import FLAGS, NUMBERS, TEXTS
from tests.executed_pages import execute_page

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "analysis.md"


def test_the_guides_code_prints_what_it_shows(tmp_path: Path) -> None:
    page = GUIDE.read_text(encoding="utf-8")

    assert execute_page(page, tmp_path) == page
    assert page.count("```python\n") == 6


def test_the_tables_that_the_page_on_tables_shows_are_read() -> None:
    page = (GUIDE.parent.parent / "reference" / "tables.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(rater,.*?)^```", page, re.MULTILINE | re.DOTALL)

    ratings, choices, labels, odd, ranks = (read(io.StringIO(text)) for text in shown)

    assert len(ratings) == 2
    for_steered = choices["answer"].where(choices["arm"] == "steered", -choices["answer"])
    assert for_steered.tolist() == [1, 1, 0]
    assert choices["other_item"].tolist() == ["p01-base-0", "p02-steered-0", "p03-base-0"]
    assert labels["answer"].tolist() == [1, 0]
    assert odd["odd_place"].tolist() == [2, 3]
    assert ranks["trial"].tolist() == ["1", "1", "1"]
    assert all(f"`{column}`" in page for column in (*NUMBERS, *TEXTS, *FLAGS))
