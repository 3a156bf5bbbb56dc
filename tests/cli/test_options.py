from pathlib import Path

import click
import pytest

from rater.cli.options import Interval, number_of_concept
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


@pytest.mark.parametrize(
    ("written", "seconds"), [("10s", 10), ("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172_800)]
)
def test_a_length_of_time_is_a_number_with_a_unit(written: str, seconds: float) -> None:
    assert Interval().convert(written, None, None) == seconds


@pytest.mark.parametrize(
    "written", ["", "1", "h", "1.5h", "-1h", "9s", "0h", "1 h", "1H", "367d", "9" * 30 + "s"]
)
def test_another_length_of_time_is_refused_with_what_is_valid(written: str) -> None:
    with pytest.raises(click.BadParameter, match="valid: a number with s, m, h or d"):
        Interval().convert(written, None, None)
