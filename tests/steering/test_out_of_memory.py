import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import SteeringVector, resolve
from rater.steering.bridge import plain_model
from rater.steering.rows import Row
from rater.steering.sampler import generate
from rater.study.arms import Sampling, XVector
from tests.steering.batch_rows import PROMPTS, by_key, rows_of

pytestmark = pytest.mark.model


SAMPLED = Sampling(max_new_tokens=12, temperature=1, top_p=0.3, frequency_penalty=1)


@pytest.fixture(scope="module")
def love(embedded_model: TransformerBridge) -> tuple[SteeringVector, ...]:
    return resolve(embedded_model, [XVector("Love", "Hate", coeff=5, at=6)])


def room_for(
    n_rows: int, error: Exception
) -> Callable[[nn.Module, tuple[()], dict[str, torch.Tensor]], None]:
    """A hook for a model that fails, as one out of memory does, where it is given more rows."""

    def fail(module: nn.Module, args: tuple[()], kwargs: dict[str, torch.Tensor]) -> None:
        if len(kwargs["input_ids"]) > n_rows:
            raise error

    return fail


def with_hook(
    model: TransformerBridge, hook: Callable[[nn.Module, tuple[()], dict[str, torch.Tensor]], None]
) -> AbstractContextManager[object]:
    return plain_model(model).register_forward_pre_hook(hook, with_kwargs=True)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["cuda", "python", "linux", "windows", "cublas"],
)
def test_out_of_memory_halves_the_batch_and_gives_the_same_completions(
    error: Exception,
    embedded_model: TransformerBridge,
    love: tuple[SteeringVector, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = rows_of(love, n_samples=1)
    short = Sampling(max_new_tokens=2, temperature=1, top_p=0.3, frequency_penalty=1)
    expected = by_key(list(generate(embedded_model, rows, short)))

    with caplog.at_level(logging.WARNING), with_hook(embedded_model, room_for(2, error)):
        made = by_key(list(generate(embedded_model, rows, short)))

    assert made == expected
    assert [record.getMessage() for record in caplog.records] == [
        "Out of memory with 6 rows together; continuing with 3.",
        "Out of memory with 3 rows together; continuing with 1.",
    ]


def test_memory_that_does_not_suffice_for_one_row_is_said(embedded_model: TransformerBridge) -> None:
    rows = [Row(sample, PROMPTS[0], (), sample) for sample in range(2)]

    with (
        with_hook(embedded_model, room_for(0, MemoryError())),
        pytest.raises(ModelError, match="even one row"),
    ):
        list(generate(embedded_model, rows, SAMPLED))


def test_another_runtime_error_is_not_taken_for_a_lack_of_memory(embedded_model: TransformerBridge) -> None:
    row = Row("key", PROMPTS[0], (), 0)

    with (
        with_hook(embedded_model, room_for(0, RuntimeError("shapes do not fit"))),
        pytest.raises(RuntimeError, match="shapes"),
    ):
        list(generate(embedded_model, [row], SAMPLED))
