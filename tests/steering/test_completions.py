import pytest
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import Draws, generate
from rater.steering.positions import Touch
from rater.steering.rows import completion_seed
from rater.study.arms import ActivationAddition, Steered, Unsteered, XVector
from rater.study.sampling import Sampling

pytestmark = pytest.mark.model

PROMPT = "I hate you because"
LOVE = XVector("Love", "Hate", coeff=5, at=6)
ARMS: list[Unsteered | Steered] = [Unsteered(name="plain"), Steered(name="love", additions=[LOVE])]


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
