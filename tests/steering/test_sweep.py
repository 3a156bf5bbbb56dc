from pathlib import Path

import pytest
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import Draws
from rater.steering.sweep import place_additions, sweep
from rater.steering.sweep_results import SweepFile, SweepOutcome, SweepSetting, all_settings, suggest
from rater.study.arms import ActivationAddition, RandomVector, VectorFile, XVector

LOVE = XVector("Love", "Hate", coeff=5, at=6)
SHORT = Draws(max_new_tokens=5, temperature=0)
ABOUT = {"study": "abc"}


def outcome(setting: SweepSetting | None, **measured: float | None) -> SweepOutcome:
    numbers: dict[str, float | None] = {"kl": 0.5, "ratio": 2, "nll": 1.25, "repetition": 0, "n_words": 30}
    return SweepOutcome(setting, **numbers | {"score": None} | measured)  # type: ignore[arg-type] # only the score can be None


def test_settings_are_all_combinations() -> None:
    assert all_settings([2, 4], [1, 5], ["front", "back"])[:3] == [
        SweepSetting(2, 1, "front"),
        SweepSetting(2, 1, "back"),
        SweepSetting(2, 5, "front"),
    ]
    assert len(all_settings([2, 4], [1, 5], ["front", "back"])) == 8


def test_additions_keep_their_proportions() -> None:
    pair = [ActivationAddition(3, 6, "Love"), ActivationAddition(-6, 6, "Hate")]

    placed = place_additions([*pair, RandomVector(LOVE)], SweepSetting(9, 12, "back"))

    assert placed == [
        ActivationAddition(6, 9, "Love", position="back"),
        ActivationAddition(-12, 9, "Hate", position="back"),
        RandomVector(XVector("Love", "Hate", coeff=10, at=9, position="back")),
    ]


def test_what_is_relative_stays_so() -> None:
    [placed] = place_additions([XVector("Love", "Hate", relative=0.5, at=6)], SweepSetting(9, 2))

    assert placed == XVector("Love", "Hate", relative=2, at=9)


def test_a_saved_vector_is_not_swept() -> None:
    with pytest.raises(ModelError, match=r"VectorFile\(.* was saved for a fixed layer"):
        place_additions([VectorFile("love.gguf", coeff=1)], SweepSetting(9, 2))


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


@pytest.mark.model
def test_a_stronger_addition_has_more_effect_and_does_more_damage(embedded_model: TransformerBridge) -> None:
    settings = [SweepSetting(6, 0.0), SweepSetting(6, 1.0), SweepSetting(6, 40.0)]

    measured = list(
        sweep(embedded_model, ["I hate you because", "The rain went"], [LOVE], settings, sampling=SHORT)
    )

    unsteered, nothing, weak, strong = measured
    assert [each.setting for each in measured] == [None, *settings]
    assert unsteered.kl == nothing.kl == 0
    assert nothing.nll == pytest.approx(unsteered.nll, abs=1e-5)
    assert nothing.n_words == unsteered.n_words
    assert 0 < weak.kl < strong.kl
    assert weak.ratio == pytest.approx(strong.ratio / 40)
    assert unsteered.nll < strong.nll


@pytest.mark.model
def test_a_setting_that_does_not_fit_is_refused_before_anything_is_made(
    embedded_model: TransformerBridge,
) -> None:
    outcomes = sweep(
        embedded_model, ["Oh my, I"], [LOVE], [SweepSetting(2, 1), SweepSetting(30, 1)], sampling=SHORT
    )

    with pytest.raises(ModelError, match="is 30, but smollm2-135m-instruct has layers 0–29"):
        next(outcomes)
