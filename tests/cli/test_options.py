from pathlib import Path

import pytest

from rater.cli.options import number_of_concept
from rater.errors import StudyError
from rater.study.load import load_study
from rater.workspace.databases import current_user


def test_a_user_without_a_name_is_called_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54_321)

    assert current_user() == "uid 54321"


EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


def test_a_concept_is_named_by_its_words_and_is_otherwise_the_first() -> None:
    study = load_study(EXPERIMENTS / "style_vectors.py")

    assert number_of_concept(study, None) == 0
    assert number_of_concept(study, "fear") == 3


@pytest.mark.parametrize(
    ("file", "words", "phrase"),
    [
        ("style_vectors", "angr", "Did you mean 'anger'"),
        ("love_vs_hate", "joy", "has no concepts"),
    ],
)
def test_an_unknown_concept_is_refused(file: str, words: str, phrase: str) -> None:
    with pytest.raises(StudyError, match=phrase):
        number_of_concept(load_study(EXPERIMENTS / f"{file}.py"), words)
