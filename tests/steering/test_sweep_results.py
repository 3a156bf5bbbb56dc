from pathlib import Path

import pytest

from rater.errors import ModelError
from rater.steering.sweep_results import SweepFile, SweepOutcome, SweepSetting, suggest

ABOUT = {"study": "abc"}


def outcome(setting: SweepSetting | None, **measured: float | None) -> SweepOutcome:
    numbers: dict[str, float | None] = {"kl": 0.5, "ratio": 2, "nll": 1.25, "repetition": 0, "n_words": 30}
    return SweepOutcome(setting, **numbers | {"score": None} | measured)  # type: ignore[arg-type] # only the score can be None


@pytest.mark.parametrize(
    ("measured", "damaged"),
    [
        ({"nll": 2.0}, False),
        ({"nll": 2.5}, True),
        ({"repetition": 0.3}, False),
        ({"repetition": 0.4}, True),
    ],
)
def test_damage_is_far_from_the_unsteered_model(measured: dict[str, float], damaged: bool) -> None:  # noqa: FBT001 (expected)
    assert outcome(SweepSetting(1, 1), **measured).is_degenerate(outcome(None)) is damaged


def test_words_are_the_effect_where_any_are_looked_for() -> None:
    assert outcome(SweepSetting(1, 1)).effect == 0.5
    assert outcome(SweepSetting(1, 1), score=3).effect == 3


def test_the_largest_effect_without_degenerate_text_is_suggested() -> None:
    weak, strong = outcome(SweepSetting(2, 1), kl=0.6), outcome(SweepSetting(2, 5), kl=0.9)
    broken = outcome(SweepSetting(2, 40), kl=9, nll=5)

    assert suggest([outcome(None), weak, strong, broken]) == strong
    assert suggest([outcome(None), broken]) is None
    assert suggest([outcome(None, score=1.0), outcome(SweepSetting(2, 1), score=1.0)]) is None


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "layer,coeff,position,kl,ratio,nll,repetition,n_words,score,study\nx,1,front,1,1,1,1,1,,abc\n",
    ],
)
def test_a_file_that_is_not_a_sweep_s_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text(text)

    with pytest.raises(ModelError, match="name another file"):
        SweepFile(path, ABOUT).read()


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    written = [outcome(None), outcome(SweepSetting(2, -1.5, "back"), score=0.25, kl=0.1234567890123)]
    file = SweepFile(tmp_path / "sweep.csv", ABOUT)

    for each in written:
        file.append(each)

    assert SweepFile(tmp_path / "sweep.csv", ABOUT).read() == written


def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    file = SweepFile(path, ABOUT)
    for each in (outcome(None), outcome(SweepSetting(2, 1))):
        file.append(each)
    path.write_text(path.read_text()[:-9])

    assert file.read() == [outcome(None)]
    file.append(outcome(SweepSetting(2, 1)))
    assert file.read() == [outcome(None), outcome(SweepSetting(2, 1))]


def test_a_sweep_of_something_else_is_not_continued(tmp_path: Path) -> None:
    SweepFile(tmp_path / "sweep.csv", ABOUT).append(outcome(None))

    with pytest.raises(ModelError, match="was measured with study 'abc', and this sweep has 'def'"):
        SweepFile(tmp_path / "sweep.csv", {"study": "def"}).read()
