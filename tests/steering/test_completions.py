from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.completions import Draws, generate
from rater.steering.positions import Touch
from rater.steering.prefill import check_fits
from rater.steering.rows import completion_seed
from rater.study.arms import (
    ActivationAddition,
    ExternalCompletions,
    ModelArm,
    Prompted,
    RandomVector,
    Sampling,
    Steered,
    Unsteered,
    XVector,
)

pytestmark = pytest.mark.model

PROMPT = "I hate you because"
LOVE = XVector("Love", "Hate", coeff=5, at=6)
ARMS: list[ModelArm] = [Unsteered(name="plain"), Steered(name="love", additions=[LOVE])]


def test_completions_come_by_arm_prompt_and_sample(embedded_model: TransformerBridge) -> None:
    made = generate(
        embedded_model, [PROMPT, "The rain"], ARMS, Sampling(max_new_tokens=3, samples_per_prompt=2, seed=7)
    )

    assert [(each.arm, each.prompt, each.sample) for each in made] == [
        ("plain", PROMPT, 0),
        ("plain", PROMPT, 1),
        ("plain", "The rain", 0),
        ("plain", "The rain", 1),
        ("love", PROMPT, 0),
        ("love", PROMPT, 1),
        ("love", "The rain", 0),
        ("love", "The rain", 1),
    ]
    assert made[5].seed == completion_seed(7, PROMPT, 1)


def test_a_completion_is_measured_under_the_unsteered_model(embedded_model: TransformerBridge) -> None:
    # The seed system's greedy completion of 40 tokens, and its likelihood under the unsteered model.
    [made] = generate(embedded_model, PROMPT, {"love": [LOVE]}, Draws(max_new_tokens=40, temperature=0))

    assert made.measurements is not None
    assert made.measurements.n_tokens == len(made.token_ids) == 40
    assert made.measurements.nll == pytest.approx(0.868469, abs=1e-4)
    assert made.measurements.n_words == 32
    assert made.stop_reason == "length"


def test_a_trace_says_what_each_completion_was_steered_by(embedded_model: TransformerBridge) -> None:
    plain, love = generate(embedded_model, PROMPT, ARMS, Draws(max_new_tokens=2), measure=False, trace=True)

    assert plain.touched == ()
    assert love.touched == tuple(Touch(0, position, "blocks.6.hook_resid_pre") for position in (0, 1, 2))
    assert love.measurements is None


def test_an_arm_that_does_not_fit_is_named(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match=r"strong\.additions\[0\]\.act_name is 31"):
        generate(embedded_model, PROMPT, {"strong": [ActivationAddition(1, 31, "Love")]}, Draws())


def test_a_prompted_arm_shares_its_samples_seed_and_shows_the_studys_prompt(
    embedded_model: TransformerBridge,
) -> None:
    asked = Prompted(prefix="Love is all you need. ")
    plain, prompted = generate(
        embedded_model, PROMPT, [Unsteered(), asked], Draws(max_new_tokens=8, top_p=0.3)
    )
    [written_out] = generate(
        embedded_model,
        "Love is all you need. " + PROMPT,
        [Unsteered()],
        Draws(max_new_tokens=8, temperature=0),
    )
    [greedy] = generate(embedded_model, PROMPT, [asked], Draws(max_new_tokens=8, temperature=0))

    assert (prompted.prompt, prompted.seed) == (PROMPT, plain.seed)
    assert greedy.token_ids == written_out.token_ids
    assert greedy.measurements is not None
    assert written_out.measurements is not None
    assert greedy.measurements.nll > written_out.measurements.nll  # without the prefix it is less likely


def test_positions_count_from_bos_through_the_chat_template(embedded_model: TransformerBridge) -> None:
    # Of <|im_start|>system … <|im_start|>user\nI hate you because<|im_end|> … the prompt is tokens 24 to 27.
    at = XVector("Love", "Hate", coeff=5, at=6, read="last", position=(24, -1))
    front = XVector("Love", "Hate", coeff=5, at=6)
    arms: list[ModelArm] = [Steered(name="at", additions=[at]), Steered(name="front", additions=[front])]

    placed, first = generate(
        embedded_model, PROMPT, arms, Draws(max_new_tokens=2), chat=True, measure=False, trace=True
    )

    assert [touch.position for touch in placed.touched] == [24, 33]
    assert [touch.position for touch in first.touched] == [0, 1, 2]
    assert placed.text.startswith("\n\n")


def test_a_control_of_several_additions_is_as_long_as_their_sum(embedded_model: TransformerBridge) -> None:
    pair = (ActivationAddition(5, 6, "Love"), ActivationAddition(-5, 6, "Good"))

    [summed] = resolve(embedded_model, pair)
    [control] = resolve(embedded_model, [RandomVector(pair, seed=1)])

    assert torch.allclose(control.norms(), summed.norms(), rtol=1e-5, atol=1e-4)
    assert control != summed


def test_an_arm_that_no_model_makes_is_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="is made by no model; valid: an Unsteered, Steered, Prompted or"):
        generate(embedded_model, PROMPT, [ExternalCompletions(path="t.csv")], Draws())  # type: ignore[list-item] # refused


def test_additions_without_the_name_of_an_arm_are_refused(embedded_model: TransformerBridge) -> None:
    additions: Any = [XVector("Love", "Hate", coeff=1, at=6)]

    with pytest.raises(ModelError, match="or lists of additions by the names of their arms"):
        generate(embedded_model, "I hate you because", additions, Draws())
    with pytest.raises(ModelError, match="batch_size is 0; valid: 1 or more"):
        generate(embedded_model, "I hate you because", {"a": ()}, Draws(), batch_size=0)
    with pytest.raises(ModelError, match=r"The prompt is \['I hate'\]; valid: a text"):
        check_fits(embedded_model, ["I hate"])  # type: ignore[arg-type] # on purpose


def test_draws_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="temperature"):
        Draws(temperature=-1)
