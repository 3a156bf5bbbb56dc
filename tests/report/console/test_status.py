import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from rater.admin.status import GeneratedStudy, summarise_arms
from rater.generate.freeze import freeze, take_external_completions
from rater.report.console.status import print_generated
from rater.store.engine import disposing, reading
from rater.store.sealed.completions import read_completions
from rater.store.sealed.open import open_sealed
from rater.study.load import load_study
from tests.generate.test_freeze import STUDY

NOW = datetime(2026, 2, 1, tzinfo=UTC)


TEXTS = "".join(
    f'{{"prompt": "{prompt}", "arm": "{arm}", "text": " {arm} text of {prompt}"}}\n'
    for arm in ("old", "new")
    for prompt in ("The rain", "We")
)


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    (tmp_path / "texts.jsonl").write_text(TEXTS)
    (tmp_path / "brought.py").write_text(STUDY)
    return tmp_path / "brought.py"


def test_what_is_not_known_of_texts_from_files_is_not_shown_as_0(study_file: Path, sealed_url: str) -> None:
    study, console = load_study(study_file), Console(file=io.StringIO(), width=120)
    take_external_completions(
        sealed_url, study, freeze(sealed_url, study, now=NOW), study_file.parent, now=NOW
    )
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        arms = summarise_arms(study, read_completions(session, 1))

    print_generated("brought", GeneratedStudy(arms, (), 0), console)

    assert isinstance(console.file, io.StringIO)
    [line] = [line for line in console.file.getvalue().splitlines() if line.strip().startswith("old")]
    assert line.split() == ["old", "2/2", "–", "18", "–", "0%", "0%", "–"]
