"""Effects on the texts of a corpus, equal to what llm-steering's own code computes in its three methods."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.corpus import CorpusArm, corpus_changes, corpus_effect
from rater.steering.corpus_results import summarise_corpus
from rater.steering.frames import to_frame
from rater.steering.likelihood import text_logprobs
from rater.steering.sweep_results import SweepSetting
from rater.study.additions import XVector
from rater.study.arms import ExternalCompletions, Prompted, Steered, Unsteered

pytestmark = pytest.mark.model

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "toolkit_oracle.json").read_text(encoding="utf-8")
)["corpus"]
TEXTS = {label: [each["text"] for each in ORACLE["texts"] if each["label"] == label] for label in ("w", "s")}
METHODS: dict[str, dict[str, Any]] = {
    "normal": {"counting": "all"},
    "mask_injection_logprob": {"counting": "untouched"},
    "pad": {"counting": "untouched", "spaced": True},
}
WEDDINGS = XVector(*ORACLE["x_vector"], coeff=ORACLE["coeff"], at=6)
NATS = 5e-4


@pytest.mark.parametrize("method", METHODS)
def test_changes_by_layer_and_label_are_llm_steerings(method: str, embedded_model: TransformerBridge) -> None:
    settings = [SweepSetting(layer, ORACLE["coeff"]) for layer in ORACLE["layers"]]

    changes = corpus_changes(embedded_model, TEXTS, settings, [WEDDINGS], **METHODS[method])

    outcomes = {
        (each.setting.layer, each.label): each
        for own in changes
        for each in summarise_corpus(own)
        if isinstance(each.setting, SweepSetting)
    }
    assert len(outcomes) == len(ORACLE["methods"][method])
    for row in ORACLE["methods"][method]:
        found = outcomes[row["layer"], row["label"]]
        assert found.n_tokens == row["count"]
        assert found.mean_change == pytest.approx(row["mean"], abs=NATS)
        assert found.mean_change * found.n_tokens == pytest.approx(row["sum"], abs=NATS)


def test_an_arm_has_the_log_probabilities_of_each_token(embedded_model: TransformerBridge) -> None:
    arms: list[CorpusArm] = [
        Unsteered(),
        Steered(name="love", additions=[WEDDINGS]),
        Prompted(prefix="A wedding. "),
    ]

    plain, love, prompted = corpus_effect(embedded_model, {"w": [TEXTS["w"][0]]}, arms)

    [steered] = text_logprobs(embedded_model, [TEXTS["w"][0]], [WEDDINGS])
    [after] = text_logprobs(embedded_model, [TEXTS["w"][0]], prompt="A wedding. ")
    assert plain.change == pytest.approx(0, abs=1e-4)
    assert love.steered == pytest.approx(steered.logprobs, abs=1e-4)
    assert love.is_counted == steered.is_untouched
    assert prompted.steered == pytest.approx(after.logprobs, abs=1e-4)
    assert all(prompted.is_counted)
    assert prompted.unsteered == love.unsteered == plain.unsteered
    assert (love.arm, love.label, love.text, love.tokens) == ("love", "w", 0, steered.tokens)
    assert prompted.change > love.change


def test_texts_are_measured_together_as_alone(embedded_model: TransformerBridge) -> None:
    arms = {"love": [WEDDINGS]}

    together = list(corpus_effect(embedded_model, TEXTS, arms, spaced=True))

    assert [(each.label, each.text) for each in together] == [("w", 0), ("w", 1), ("s", 0), ("s", 1)]
    [alone] = corpus_effect(embedded_model, {"s": [TEXTS["s"][1]]}, arms, spaced=True)
    assert together[3].steered == pytest.approx(alone.steered, abs=1e-3)
    frame = to_frame(together)
    assert frame["change"].tolist() == [each.change for each in together]


@pytest.mark.parametrize(
    ("texts", "arms", "options", "problem"),
    [
        ({}, {}, {}, "valid: lists of texts by their label"),
        ({"w": "text"}, {}, {}, "valid: lists of texts by their label"),
        ({"w": ["a", ""]}, {}, {}, "Text 1 of label 'w' is empty"),
        ({"w": ["a"]}, {}, {"counting": "some"}, "counting is 'some'; valid: 'untouched', 'all'"),
        (
            {"w": ["a"]},
            {"long": [XVector("a b c d e", "", coeff=1, at=6)]},
            {},
            "Text 0 of label 'w' is 2 tokens",
        ),
        (
            {"w": ["a b c d", "a b"]},
            {"love": [XVector("a b", "", coeff=1, at=6)]},
            {},
            "Text 1 of label 'w' has no token that is counted",
        ),
        ({"w": ["a"]}, [ExternalCompletions(path="a.csv")], {}, "has no effect on texts; valid: a Steered"),
        ({"w": ["a"]}, [Prompted(system="b")], {}, "has a system prompt"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(
    texts: Any, arms: Any, options: dict[str, Any], problem: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError) as caught:
        corpus_effect(embedded_model, texts, arms, **options)

    assert problem in str(caught.value)
