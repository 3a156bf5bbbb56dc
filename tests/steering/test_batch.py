import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.batch import completion_seed, uniforms
from rater.steering.bridge import tokenize
from rater.steering.completions import Draws, generate
from rater.steering.context import steer
from rater.study.additions import AnyAddition, When
from rater.study.arms import XVector

pytestmark = pytest.mark.model

PROMPT, LONG = "I hate you because", "When I woke up this morning and looked out of the window, I"
GREEDY = Draws(max_new_tokens=5, temperature=0)


def love(when: When) -> XVector:
    return XVector("Love", "Hate", coeff=0.2, at=6, read="last", when=when)


@pytest.mark.parametrize("when", ["generated", "all"])
def test_generated_tokens_are_steered_as_in_the_bridges_own_generation(
    when: When, embedded_model: TransformerBridge
) -> None:
    prompt = tokenize(embedded_model, PROMPT)
    with steer(embedded_model, [love(when)]):
        expected = embedded_model.generate(
            torch.tensor([prompt]), max_new_tokens=5, do_sample=False, verbose=False
        )

    unsteered, steered = generate(
        embedded_model, PROMPT, {"unsteered": (), "steered": [love(when)]}, GREEDY, measure=False, trace=True
    )

    assert isinstance(expected, torch.Tensor)
    assert list(steered.token_ids) == expected[0, len(prompt) :].tolist()
    assert steered.token_ids != unsteered.token_ids
    first = 0 if when == "all" else len(prompt)
    assert [touch.position for touch in steered.touched] == list(range(first, len(prompt) + 4))


def test_rows_with_and_without_such_additions_do_not_disturb_each_other(
    embedded_model: TransformerBridge,
) -> None:
    longer = Draws(max_new_tokens=8, temperature=0)
    arms: dict[str, list[AnyAddition]] = {
        "unsteered": [],
        "generated": [love("generated")],
        "all": [love("all")],
        "prompt": [XVector("Love", "Hate", coeff=5, at=6)],
    }

    together = generate(embedded_model, [PROMPT, LONG], arms, longer, batch_size=5, measure=False)
    alone = [
        completion
        for name, additions in arms.items()
        for completion in generate(embedded_model, [PROMPT, LONG], {name: additions}, longer, measure=False)
    ]

    assert [each.token_ids for each in together] == [each.token_ids for each in alone]
    assert len({each.token_ids for each in together}) == 8


def test_an_addition_to_generated_tokens_needs_some(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="to generated tokens, but 1 are generated, so that it touches none"):
        generate(embedded_model, PROMPT, {"steered": [love("generated")]}, Draws(max_new_tokens=1))


def test_a_seed_is_the_same_everywhere() -> None:
    assert completion_seed(0, "I hate you because", 0) == 7594483813691865494
    assert uniforms(7, 3).tolist() == pytest.approx([0.46881749, 0.42614584, 0.3629817])


@given(st.integers(0, 2**63 - 1), st.text(), st.integers(0, 1000))
def test_a_seed_fits_a_signed_64_bit_column(study_seed: int, prompt: str, sample: int) -> None:
    assert 0 <= completion_seed(study_seed, prompt, sample) < 2**63


def test_each_name_changes_the_seed() -> None:
    seeds = {
        completion_seed(study_seed, prompt, sample)
        for study_seed in (0, 1, 10)
        for prompt in ("a", "b", "0/a")
        for sample in (0, 1, 10)
    }

    assert len(seeds) == 27


def test_random_numbers_are_in_the_unit_interval_and_spread_over_it() -> None:
    drawn = uniforms(3, 10_000)

    assert drawn.min() >= 0
    assert drawn.max() < 1
    quarters = np.histogram(drawn, bins=4, range=(0, 1))[0].tolist()
    assert quarters == pytest.approx([2500, 2500, 2500, 2500], abs=150)
