"""Run the code of docs/how-to/steering.md, in its order, and compare what it prints."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "steering.md"
_CODE = r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?"


@pytest.mark.model
def test_the_guides_code_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(_CODE, GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}

    for code, shown in blocks:
        exec(code, names)  # noqa: S102 (the page's code is what is tested)
        assert capsys.readouterr().out == shown

    assert len(blocks) == 6
