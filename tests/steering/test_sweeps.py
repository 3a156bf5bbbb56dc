import json
from pathlib import Path

import pytest
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import Draws
from rater.steering.likelihood import text_nll
from rater.steering.sweep_results import SweepSetting, all_settings
from rater.steering.sweeps import place_additions, sweep
from rater.study.arms import ActivationAddition, RandomVector, VectorFile, XVector

DATA = Path(__file__).parent.parent / "data"
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
def test_metrics_texts_and_results_by_prompt_are_of_the_same_completions(
    embedded_model: TransformerBridge,
) -> None:
    prompts = ["I hate you because", "The rain went"]
    sampling = Draws(max_new_tokens=5, temperature=0, samples_per_prompt=2)

    unsteered, steered = sweep(
        embedded_model,
        prompts,
        [LOVE],
        [SweepSetting(6, 5.0)],
        sampling=sampling,
        score=len,
        metrics={
            "letters": lambda texts: [sum(map(str.isalpha, text)) for text in texts],
            "none": text_of_none,
        },
        keep_texts=True,
    )

    for outcome in (unsteered, steered):
        assert [(each.prompt, each.sample) for each in outcome.texts] == [
            (prompt, sample) for prompt in prompts for sample in range(2)
        ]
        assert outcome.score == pytest.approx(sum(len(each.text) for each in outcome.texts) / 4)
        letters = [sum(map(str.isalpha, each.text)) for each in outcome.texts]
        assert outcome.metrics == {"letters": pytest.approx(sum(letters) / 4), "none": None}
        first, second = outcome.by_prompt
        assert (first.prompt, second.prompt) == tuple(prompts)
        assert first.metrics["letters"] == pytest.approx(sum(letters[:2]) / 2)
        for name in ("kl", "nll", "repetition", "n_words", "score"):
            both = [getattr(first, name), getattr(second, name)]
            assert getattr(outcome, name) == pytest.approx(sum(both) / 2)


def text_of_none(texts: list[str]) -> list[float | None]:
    return [None for _ in texts]


@pytest.mark.model
def test_texts_are_kept_only_if_they_are_asked_for(embedded_model: TransformerBridge) -> None:
    (unsteered,) = sweep(embedded_model, ["The rain went"], [LOVE], [], sampling=SHORT)

    assert unsteered.texts == ()
    assert (unsteered.effectiveness, unsteered.text_logprob) == (None, None)


@pytest.mark.model
def test_a_metric_that_forgets_a_text_is_refused(embedded_model: TransformerBridge) -> None:
    outcomes = sweep(
        embedded_model, ["The rain went"], [LOVE], [], sampling=SHORT, metrics={"bad": lambda _: []}
    )

    with pytest.raises(ModelError, match=r"metrics\['bad'\] returned 0 values for 1 texts"):
        next(outcomes)


@pytest.mark.model
def test_effectiveness_and_disruption_over_a_sweep_are_llm_steerings(
    embedded_model: TransformerBridge,
) -> None:
    """The rows of llm-steering's own code on the embedded model; its tolerance is 5e-4 nats."""
    oracle = json.loads((DATA / "toolkit_oracle.json").read_text())["sweep"]
    settings = all_settings(
        sorted({row["layer"] for row in oracle["rows"]}),
        sorted({row["coeff"] for row in oracle["rows"]}),
        ["front"],
    )
    added = [XVector(" weddings", "", coeff=1, at=6)]

    unsteered, *measured = sweep(
        embedded_model, [oracle["prompt"]], added, settings, sampling=SHORT, tokens=[oracle["token"]]
    )

    found = {(each.setting.layer, each.setting.coeff): each for each in measured if each.setting}
    assert unsteered.effectiveness == 0
    assert unsteered.disruption == pytest.approx(0, abs=1e-9)
    assert len(oracle["rows"]) == len(found) == 10
    for row in oracle["rows"]:
        each = found[row["layer"], row["coeff"]]
        assert each.effectiveness == pytest.approx(row["effectiveness"], abs=5e-4)
        assert each.disruption == pytest.approx(row["disruption"], abs=5e-4)


@pytest.mark.model
def test_given_texts_are_measured_under_each_setting(embedded_model: TransformerBridge) -> None:
    texts = [("I hate you because", " you are so kind."), ("The rain went", " away.")]

    unsteered, steered = sweep(
        embedded_model, ["Oh my, I"], [LOVE], [SweepSetting(6, 5.0)], sampling=SHORT, texts=texts
    )

    for outcome, additions in ((unsteered, []), (steered, [LOVE])):
        expected = [text_nll(embedded_model, prompt, text, additions) for prompt, text in texts]
        assert outcome.text_logprob == pytest.approx(-sum(expected) / 2, abs=1e-5)
        assert outcome.effect == outcome.text_logprob
    assert unsteered.text_logprob != steered.text_logprob


@pytest.mark.model
def test_a_setting_that_does_not_fit_is_refused_before_anything_is_made(
    embedded_model: TransformerBridge,
) -> None:
    outcomes = sweep(
        embedded_model, ["Oh my, I"], [LOVE], [SweepSetting(2, 1), SweepSetting(30, 1)], sampling=SHORT
    )

    with pytest.raises(ModelError, match="is 30, but smollm2-135m-instruct has layers 0–29"):
        next(outcomes)
