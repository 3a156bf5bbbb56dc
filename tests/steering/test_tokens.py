"""Effects on each token of a text, equal to what llm-steering's own code computes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import tokenize
from rater.steering.context import steer
from rater.steering.effects import focus, next_token_effect, prompt_norms
from rater.steering.likelihood import text_logprobs, text_nll
from rater.steering.prefill import next_token_logprobs
from rater.steering.tokens import compare_with_prompting, token_effects
from rater.study.additions import XVector

pytestmark = pytest.mark.model

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "toolkit_oracle.json").read_text(encoding="utf-8")
)
TEXT: str = ORACLE["logits"]["text"]
WEDDINGS = XVector(" weddings", "", coeff=1, at=16)
NATS = 5e-4


def test_the_effect_at_each_position_is_llm_steerings(embedded_model: TransformerBridge) -> None:
    oracle = ORACLE["logits"]
    aligned = {int(position): tokens for position, tokens in oracle["aligned"].items()}

    effects = token_effects(embedded_model, TEXT, [WEDDINGS], aligned=aligned)

    assert [each.position for each in effects] == list(range(14))
    assert tokenize(embedded_model, TEXT) == oracle["token_ids"]
    assert [each.kl for each in effects] == pytest.approx(oracle["kl_mod_normal_per_position"], abs=NATS)
    # Where no token is named, llm-steering's effectiveness is 0 and its disruption the KL divergence.
    assert [each.focus.effectiveness if each.focus else 0.0 for each in effects] == pytest.approx(
        oracle["effectiveness"], abs=NATS
    )
    assert [each.focus.disruption if each.focus else each.kl for each in effects] == pytest.approx(
        oracle["disruption"], abs=NATS
    )
    assert [each.is_touched for each in effects] == [True, True] + [False] * 12


@pytest.mark.parametrize("row", ORACLE["sweep"]["rows"], ids=lambda row: f"{row['layer']}-{row['coeff']:g}")
def test_effectiveness_and_disruption_of_a_setting_are_llm_steerings(
    row: dict[str, Any], embedded_model: TransformerBridge
) -> None:
    prompt = ORACLE["sweep"]["prompt"]
    added = [XVector(" weddings", "", coeff=row["coeff"], at=row["layer"])]

    unsteered, steered = (next_token_logprobs(embedded_model, prompt, each) for each in ([], added))

    found = focus(unsteered, steered, [ORACLE["sweep"]["token"]])
    assert found.effectiveness == pytest.approx(row["effectiveness"], abs=NATS)
    assert found.disruption == pytest.approx(row["disruption"], abs=NATS)


def test_the_norms_of_a_prompt_are_llm_steerings(embedded_model: TransformerBridge) -> None:
    by_layer = ORACLE["magnitudes"]["resid_norms 'MATS is really cool' by layer"]

    for layer, expected in by_layer.items():
        [norms] = prompt_norms(embedded_model, ["MATS is really cool"], int(layer))
        # the oracle's numbers are rounded to three decimals
        assert norms.tolist() == pytest.approx(expected, rel=1e-4, abs=5e-4)
    with pytest.raises(ModelError, match="at is 30"):
        prompt_norms(embedded_model, ["MATS"], 30)


def test_a_steered_text_has_the_log_probabilities_of_the_bridge(embedded_model: TransformerBridge) -> None:
    ids = tokenize(embedded_model, TEXT)
    with torch.no_grad(), steer(embedded_model, [WEDDINGS]):
        logprobs = embedded_model(torch.tensor([ids]))[0].log_softmax(-1)
    expected = logprobs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()

    effects = token_effects(embedded_model, TEXT, [WEDDINGS])
    short, long = text_logprobs(embedded_model, ["Oh, my friend", TEXT], [WEDDINGS])

    assert effects[0].logprob_steered is effects[0].logprob_unsteered is None
    assert [each.logprob_steered for each in effects[1:]] == pytest.approx(expected, abs=1e-3)
    assert long.logprobs == pytest.approx(expected, abs=1e-3)
    assert long.token_ids == tuple(ids[1:])
    assert "".join(long.tokens) == TEXT
    assert long.is_untouched == (False, False, *[True] * 11)
    assert short.logprobs == pytest.approx(
        text_logprobs(embedded_model, ["Oh, my friend"], [WEDDINGS])[0].logprobs, abs=1e-3
    )
    nll = text_nll(embedded_model, "", TEXT, [WEDDINGS])
    assert nll == pytest.approx(-sum(long.logprobs) / len(long.logprobs), abs=1e-5)


def test_after_a_prompt_the_text_alone_is_measured(embedded_model: TransformerBridge) -> None:
    [found] = text_logprobs(embedded_model, [" you are"], prompt="I hate you because")

    assert len(found.logprobs) == 2
    assert found.logprobs[0] == pytest.approx(
        next_token_logprobs(embedded_model, "I hate you because")[found.token_ids[0]].item(), abs=1e-3
    )
    with pytest.raises(ModelError, match="has no tokens"):
        text_logprobs(embedded_model, [""])


def test_spaces_keep_the_addition_off_the_text(embedded_model: TransformerBridge) -> None:
    effects = token_effects(embedded_model, TEXT, [WEDDINGS], spaced=True)
    nothing = token_effects(embedded_model, TEXT, [XVector(" weddings", "", coeff=0, at=16)], spaced=True)

    assert [each.token for each in effects][1:] == list(text_logprobs(embedded_model, [TEXT])[0].tokens)
    assert [each.is_touched for each in effects] == [True] + [False] * 13
    assert [each.kl for each in nothing] == pytest.approx([0] * 14, abs=1e-9)
    with pytest.raises(ModelError, match="spaced is True, but an addition"):
        token_effects(embedded_model, TEXT, [XVector("a", "b", coeff=1, at=6, position="back")], spaced=True)


def test_injecting_at_layer_0_is_prompting(embedded_model: TransformerBridge) -> None:
    found = compare_with_prompting(
        embedded_model,
        "I'm going to a party this week",
        (" weddings", ""),
        1.0,
        [0, 6, "blocks.6.hook_mlp_out"],
    )

    assert list(found) == ["prompted", "layer 0", "layer 6", "blocks.6.hook_mlp_out"]
    for one, other in zip(found["prompted"], found["layer 0"], strict=True):
        assert one.kl == pytest.approx(other.kl, abs=1e-5)
        assert one.logprob_steered == pytest.approx(other.logprob_steered, abs=1e-4)
        assert one.logprob_unsteered == other.logprob_unsteered
    assert max(each.kl for each in found["prompted"]) > 0.5
    [last] = compare_with_prompting(embedded_model, "A party", (" weddings", ""), 1.0, [6], pos=-1)["layer 6"]
    assert (last.position, last.token) == (2, " party")
    with pytest.raises(ModelError, match="pos is 3; valid: a position of the text"):
        compare_with_prompting(embedded_model, "A party", (" weddings", ""), 1.0, [6], pos=3)


def test_next_tokens_are_those_of_a_text_of_texts_or_of_token_ids(embedded_model: TransformerBridge) -> None:
    texts = ["Hello there", "Hello"]
    ids = tokenize(embedded_model, texts[0])
    alone = next_token_logprobs(embedded_model, texts[0], [WEDDINGS])

    several = next_token_logprobs(embedded_model, texts, [WEDDINGS])
    each = next_token_logprobs(embedded_model, torch.tensor([ids]), [WEDDINGS], at="each")

    assert several.shape == (2, len(alone))
    assert (several[0] - alone).abs().max() < 1e-3
    assert each.shape == (1, len(ids), len(alone))
    assert (each[0, -1] - alone).abs().max() < 1e-3
    assert torch.equal(next_token_logprobs(embedded_model, ids, [WEDDINGS]), alone)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"prompt": ["Hello", "Hello there"], "at": "each"},
            "at is 'each', but the prompts have 2, 3 tokens",
        ),
        ({"prompt": [1, 99_999_999]}, "has the token 99999999"),
        ({"prompt": []}, "valid: a text, a list of texts, or the token ids"),
        ({"prompt": ["Hello", ""]}, r"prompt\[1\] is empty"),
        ({"prompt": "Hello", "at": "all"}, "at is 'all'; valid: 'last' or 'each'"),
    ],
)
def test_what_is_not_a_prompt_is_refused(
    arguments: dict[str, Any], problem: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match=problem):
        next_token_logprobs(embedded_model, **arguments)


def test_a_position_that_does_not_exist_is_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="aligned has the position 14; valid: those of the text"):
        token_effects(embedded_model, TEXT, [WEDDINGS], aligned={14: [5]})


def test_tokens_are_listed_by_the_measure_that_is_asked_for(embedded_model: TransformerBridge) -> None:
    prompt = ORACLE["sweep"]["prompt"]
    by_kl, by_ratio = (
        next_token_effect(embedded_model, prompt, [WEDDINGS], by=by, n_changes=20) for by in ("kl", "ratio")
    )
    without = next_token_effect(embedded_model, prompt, [WEDDINGS], by="kl", without=(" wedding", " party"))

    parts = [each.kl for each in by_kl.top_changes]
    assert parts == sorted(parts, reverse=True)
    assert sum(parts) > by_kl.kl_steered_unsteered > 0
    ratios = [abs(math.log(each.ratio)) for each in by_ratio.top_changes]
    assert ratios == sorted(ratios, reverse=True)
    assert {" wedding", " party"} & {each.token for each in by_kl.top_changes}
    assert not {" wedding", " party"} & {each.token for each in without.top_changes}
    assert without.kl_steered_unsteered == by_kl.kl_steered_unsteered
    with pytest.raises(ModelError, match=r"by is 'size'; valid: 'change', 'kl', 'ratio'"):
        next_token_effect(embedded_model, prompt, [WEDDINGS], by="size")  # type: ignore[arg-type] # refused
    with pytest.raises(ModelError, match=r"without has ' wedding cake', which is 2 tokens"):
        next_token_effect(embedded_model, prompt, [WEDDINGS], without=[" wedding cake"])
