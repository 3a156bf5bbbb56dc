"""Results of llm-steering's own code on the embedded model; see tests/data/steering_oracle.json."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.steering.additions import SteeringVector, read_activations, resolve
from rater.steering.batch import Completion, Row
from rater.steering.bridge import tokenize
from rater.steering.draw import nucleus, penalise_
from rater.steering.effects import next_token_effect
from rater.steering.likelihood import completion_nlls
from rater.steering.prefill import next_token_logprobs, prefill
from rater.steering.sampler import generate
from rater.study.arms import ActivationAddition, Sampling, XVector

pytestmark = [
    pytest.mark.model,
    # One case subtracts one token from four without padding, as llm-steering does.
    pytest.mark.filterwarnings("ignore::rater.steering.pairs.UnequalPairWarning"),
]

_ALL = json.loads((Path(__file__).parents[1] / "data" / "steering_oracle.json").read_text())["cases"]
CASES = {case["name"]: case for case in _ALL}
GREEDY = Sampling(max_new_tokens=40, temperature=0)


def additions_of(case: dict[str, Any], arm: str) -> list[ActivationAddition]:
    """The case's additions as a user would write them: by prompt where there is one, else by tokens."""
    if arm == "base":
        return []
    dims = tuple(case["res_stream_slice"]) if case["res_stream_slice"] else None
    place: dict[str, Any] = {"position": case["addition_location"], "dims": dims}
    return [
        ActivationAddition(each["coeff"], each["act_name"], each["prompt"], **place)
        if each["prompt"] is not None
        else ActivationAddition(each["coeff"], each["act_name"], tokens=tuple(each["token_ids"]), **place)
        for each in case["additions"]
    ]


@pytest.fixture(scope="module")
def completions(embedded_model: TransformerBridge) -> dict[tuple[str, str], Completion[tuple[str, str]]]:
    """Every case and arm, greedily, in one batch: prompts of 5 to 30 tokens and all additions mixed."""
    rows = [
        Row((name, arm), case["prompt"], resolve(embedded_model, additions_of(case, arm)), seed=0)
        for name, case in CASES.items()
        for arm in ("base", "steered")
    ]
    return {completion.key: completion for completion in generate(embedded_model, rows, GREEDY)}


def test_the_oracle_has_all_cases() -> None:
    assert sorted(CASES) == [
        "hookname_resid_post_L12",
        "multilayer_L14_L22",
        "multitoken_xvec_L20",
        "single_pos_L6",
        "wed_mid_L6",
        "wed_slice_half_L6",
        "xvec_space_L6",
        "zero_coeff_L6",
    ]


@pytest.mark.parametrize("arm", ["base", "steered"])
@pytest.mark.parametrize("name", CASES)
def test_greedy_completions_are_the_seeds(
    name: str, arm: str, completions: dict[tuple[str, str], Completion[tuple[str, str]]]
) -> None:
    completion = completions[name, arm]

    assert list(completion.token_ids) == CASES[name][arm]["token_ids"]
    assert completion.text == CASES[name][arm]["text"].removesuffix("<|im_end|>")


@pytest.mark.parametrize("arm", ["base", "steered"])
@pytest.mark.parametrize("name", CASES)
def test_next_token_probabilities_are_the_seeds(
    name: str, arm: str, embedded_model: TransformerBridge
) -> None:
    case = CASES[name]
    top5 = case[arm]["top5"]

    logprobs = next_token_logprobs(embedded_model, case["prompt"], additions_of(case, arm))

    assert logprobs.topk(5).indices.tolist() == [token["id"] for token in top5]
    expected = [token["logprob"] for token in top5]
    assert logprobs.topk(5).values.tolist() == pytest.approx(expected, abs=1e-3)
    assert torch.special.entr(logprobs.exp()).sum().item() == pytest.approx(case[arm]["entropy"], abs=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_prompts_are_tokenised_as_by_the_seed(name: str, embedded_model: TransformerBridge) -> None:
    assert tokenize(embedded_model, CASES[name]["prompt"]) == CASES[name]["prompt_token_ids"]


# llm-steering reports norms over all dimensions, whichever it changed; ours are of the addition.
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case["res_stream_slice"]])
def test_norms_are_the_seeds(name: str, embedded_model: TransformerBridge) -> None:
    case = CASES[name]

    vectors = {each.hook_point: each for each in resolve(embedded_model, additions_of(case, "steered"))}

    assert set(vectors) == set(case["norms"])
    for hook_point, norms in case["norms"].items():
        net = vectors[hook_point].norms().tolist()
        # Where a pair cancels at BOS, what is left of norms near 25,000 is the rounding of float32.
        assert net == pytest.approx(norms["net_per_position"], rel=1e-3, abs=0.05)
        residual = read_activations(embedded_model, case["prompt_token_ids"], hook_point)
        here = SteeringVector(hook_point, residual).norms().tolist()
        assert here == pytest.approx(norms["prompt_per_position"], rel=1e-3)


@pytest.mark.parametrize("arm", ["base", "steered"])
@pytest.mark.parametrize("name", CASES)
def test_the_nucleus_after_the_penalty_is_the_seeds(
    name: str, arm: str, embedded_model: TransformerBridge
) -> None:
    case = CASES[name]
    expected = case[arm]["topp03_fp1"]
    prompt = case["prompt_token_ids"]
    vectors = resolve(embedded_model, additions_of(case, arm))
    logits = prefill(embedded_model, [prompt], [vectors]).logits

    penalised = penalise_(
        logits,
        torch.tensor([prompt]),
        torch.ones(1, len(prompt), dtype=torch.bool),
        Sampling(frequency_penalty=1.0),
    )
    found = nucleus(penalised, 0.3)

    n_kept = int((found.probs > 0).sum())
    assert found.ids[0, :n_kept].tolist() == expected["ids"]
    assert found.probs[0, :n_kept].tolist() == pytest.approx(expected["probs"], abs=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_divergences_of_the_next_token_are_the_seeds(name: str, embedded_model: TransformerBridge) -> None:
    case = CASES[name]

    effect = next_token_effect(embedded_model, case["prompt"], additions_of(case, "steered"))

    assert effect.kl_steered_unsteered == pytest.approx(case["kl_steered_base"], abs=1e-4)
    assert effect.kl_unsteered_steered == pytest.approx(case["kl_base_steered"], abs=1e-4)
    assert effect.entropy_unsteered == pytest.approx(case["base"]["entropy"], abs=1e-4)
    assert effect.entropy_steered == pytest.approx(case["steered"]["entropy"], abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_likelihoods_of_both_completions_are_the_seeds(name: str, embedded_model: TransformerBridge) -> None:
    case = CASES[name]
    completions = [(case["prompt"], case[arm]["token_ids"]) for arm in ("base", "steered")]
    vectors = resolve(embedded_model, additions_of(case, "steered"))

    unsteered = completion_nlls(embedded_model, completions)
    steered = completion_nlls(embedded_model, completions, vectors)

    seeds = [case["nll_base_completion"], case["nll_steered_completion"]]
    assert unsteered == pytest.approx([seed["unsteered"] for seed in seeds], abs=1e-4)
    assert steered == pytest.approx([seed["steered"] for seed in seeds], abs=1e-4)


def test_an_x_vector_is_the_seeds_padded_pair(embedded_model: TransformerBridge) -> None:
    case = CASES["xvec_space_L6"]
    by_tokens = resolve(embedded_model, additions_of(case, "steered"))

    by_name = resolve(embedded_model, [XVector("Love", "Hate", coeff=5, at=6, pad="space")])

    assert by_name[0].hook_point == "blocks.6.hook_resid_pre"
    assert torch.equal(by_name[0].activations, by_tokens[0].activations)
