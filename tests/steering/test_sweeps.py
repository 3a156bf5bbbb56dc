import pytest
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import Draws
from rater.steering.sweep_results import SweepSetting, all_settings
from rater.steering.sweeps import place_additions, sweep
from rater.study.arms import ActivationAddition, RandomVector, VectorFile, XVector

LOVE = XVector("Love", "Hate", coeff=5, at=6)


SHORT = Draws(max_new_tokens=5, temperature=0)


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
