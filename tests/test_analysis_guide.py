"""Run the code of docs/how-to/analysis.md, in its order, and compare what it prints."""

import io
import re
from pathlib import Path

import pytest

from rater.analysis import read
from rater.analysis.tidy_frame import FLAGS, NUMBERS, TEXTS

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "analysis.md"
_CODE = r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?"


def test_the_guides_code_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(_CODE, GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}

    for code, shown in blocks:
        exec(code, names)  # noqa: S102 (the page's code is what is tested)
        assert capsys.readouterr().out == shown

    assert len(blocks) == 5


def test_the_tables_that_the_page_on_tables_shows_are_read() -> None:
    page = (GUIDE.parent.parent / "reference" / "tables.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(rater,.*?)^```", page, re.MULTILINE | re.DOTALL)

    ratings, choices = (read(io.StringIO(text)) for text in shown)

    assert len(ratings) == 2
    for_steered = choices["answer"].where(choices["arm"] == "steered", -choices["answer"])
    assert for_steered.tolist() == [1, 1, 0]
    assert choices["other_item"].tolist() == ["p01-base-0", "p02-steered-0", "p03-base-0"]
    assert all(f"`{column}`" in page for column in (*NUMBERS, *TEXTS, *FLAGS))
