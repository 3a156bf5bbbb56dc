"""Additions become sums by layer and position; what has no equivalent in vLLM is refused with its reason."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rater.errors import ModelError
from rater.generate.engines.vllm_mapping import (
    AddShift,
    layer_shifts,
    output_layer,
    require_mappable,
    require_steered,
)
from rater.steering.vectors import SteeringVector
from rater.study.arms import ActivationAddition, Sampling, Steered
from rater.study.study import Study

PRE_3 = "blocks.3.hook_resid_pre"


def vector(*values: float, hook_point: str = PRE_3, **place: Any) -> SteeringVector:
    """A vector with one number, twice, for each position."""
    return SteeringVector(
        hook_point, torch.tensor(values, dtype=torch.float32)[:, None].expand(-1, 2), **place
    )


@pytest.mark.parametrize(
    ("hook_point", "layer"),
    [(PRE_3, 2), ("blocks.1.hook_resid_pre", 0), ("blocks.0.hook_resid_post", 0)],
)
def test_the_stream_before_a_block_is_the_output_of_the_one_before(hook_point: str, layer: int) -> None:
    assert output_layer(hook_point, "additions[0].at") == layer


@pytest.mark.parametrize(
    ("hook_point", "reason"),
    [
        ("blocks.0.hook_resid_pre", "before the first layer"),
        ("hook_embed", "before the first layer"),
        ("blocks.2.hook_resid_mid", "within a block"),
        ("blocks.2.hook_attn_out", "within a block"),
        ("blocks.2.hook_mlp_out", "within a block"),
    ],
)
def test_a_hook_point_that_is_no_output_of_a_layer_is_refused(hook_point: str, reason: str) -> None:
    with pytest.raises(ModelError, match=rf"additions\[0\]\.at is '{hook_point}', .*{reason}"):
        output_layer(hook_point, "additions[0].at")


@pytest.mark.parametrize(
    ("position", "at"),
    [
        ("front", [1, 2, 0, 0, 0]),
        ("mid", [0, 1, 2, 0, 0]),
        ("back", [0, 0, 0, 1, 2]),
        ((-1, 1), [0, 2, 0, 0, 1]),
    ],
)
def test_positions_are_those_of_the_torch_engine(position: object, at: list[float]) -> None:
    (shift,) = layer_shifts([vector(1, 2, position=position)], 5)

    assert (shift.layer, shift.prompt[:, 0].tolist(), shift.after.tolist()) == (2, at, [0, 0])


def test_vectors_at_one_layer_are_summed_whatever_they_are_called() -> None:
    vectors = [
        vector(1),
        vector(10, when="all"),
        vector(100, when="generated", hook_point="blocks.2.hook_resid_post"),
    ]

    (shift,) = layer_shifts(vectors, 3)

    assert shift.prompt[:, 0].tolist() == [11, 10, 10]
    assert shift.after.tolist() == [110, 110]


def test_a_hook_adds_to_a_prefill_to_a_step_and_to_a_prefill_after_a_preemption() -> None:
    (shift,) = layer_shifts([vector(1, 2), vector(10, when="generated")], 3)
    add, context = AddShift(shift), SimpleNamespace(saved={})

    def added(n_tokens: int) -> list[float]:
        changed = add(context, torch.zeros(n_tokens, 2))
        assert changed is not None
        return [float(each) for each in changed[:, 0]]

    assert added(3) == [1, 2, 0]
    assert added(1) == [10]
    assert context.saved == {"n_prompt": 3, "n_generated": 1}
    assert added(5) == [1, 2, 0, 10, 10]


def test_a_prompt_of_one_token_is_not_taken_for_a_generated_one() -> None:
    (shift,) = layer_shifts([vector(1)], 1)
    add, context = AddShift(shift), SimpleNamespace(saved={})

    first, second = add(context, torch.zeros(1, 2)), add(context, torch.zeros(1, 2))

    assert first is not None
    assert first.tolist() == [[1, 1]]
    assert second is None


def test_a_prompt_in_chunks_is_an_error_and_is_not_counted() -> None:
    (shift,) = layer_shifts([vector(1)], 3)
    context = SimpleNamespace(saved={})

    with pytest.raises(RuntimeError, match="2 tokens of a prompt of 3"):
        AddShift(shift)(context, torch.zeros(2, 2))
    assert context.saved == {}


@pytest.mark.parametrize(
    "counts",
    [[], [{}], [{"n_prompt": 4, "n_generated": 1}], [{"n_prompt": 3, "n_generated": 1}, {"n_prompt": 2}]],
)
def test_a_text_whose_hooks_did_not_run_at_all_tokens_is_refused(counts: list[dict[str, int]]) -> None:
    require_steered([{"n_prompt": 4, "n_generated": 2}], n_prompt=4, n_new=3, place="prompts[0]")

    with pytest.raises(ModelError, match=r"prompts\[0\]: .* instead of at 4 of the prompt and 2 generated"):
        require_steered(counts, n_prompt=4, n_new=3, place="prompts[0]")


def test_a_study_is_refused_before_a_model_is_loaded(study: Study) -> None:
    at_0 = Steered(additions=(ActivationAddition(prompt="Love", coeff=1, act_name=0),))
    unmappable = study.model_copy(update={"arms": (study.arms[0], at_0)})
    cold = study.model_copy(update={"arms": study.arms[:1], "sampling": Sampling(temperature=0.001)})

    with pytest.raises(ModelError, match=r"arms\[1\]\.additions\[0\]\.act_name .* before the first layer"):
        require_mappable(unmappable)
    with pytest.raises(ModelError, match=r"sampling\.temperature is 0\.001"):
        require_mappable(cold)
