import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import SteeringVector, resolve
from rater.steering.batch import Row, completion_seed
from rater.steering.bridge import plain_model, to_text, tokenize
from rater.steering.likelihood import completion_nlls
from rater.steering.prefill import run_rows
from rater.steering.sampler import generate
from rater.study.arms import ActivationAddition, Sampling, XVector
from tests.steering.batch_rows import PROMPTS, by_key, rows_of

pytestmark = pytest.mark.model


SAMPLED = Sampling(max_new_tokens=12, temperature=1, top_p=0.3, frequency_penalty=1)


GREEDY = Sampling(max_new_tokens=12, temperature=0)


@pytest.fixture(scope="module")
def love(embedded_model: TransformerBridge) -> tuple[SteeringVector, ...]:
    return resolve(embedded_model, [XVector("Love", "Hate", coeff=5, at=6)])


@pytest.mark.parametrize("sampling", [SAMPLED, GREEDY], ids=["sampled", "greedy"])
def test_a_completion_is_the_same_alone_and_in_batches_of_any_size(
    sampling: Sampling, embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    rows = rows_of(love, n_samples=1)

    together = by_key(list(generate(embedded_model, rows, sampling)))
    alone = by_key([each for row in rows for each in generate(embedded_model, [row], sampling)])
    in_fours = by_key(list(generate(embedded_model, rows[::-1], sampling, batch_size=4)))

    assert together == alone
    assert together == in_fours
    assert len(together) == 6


def test_what_is_drawn_in_a_batch_is_the_likeliest_alone_within_a_thousandth(
    embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    rows = rows_of(love, n_samples=1)

    made = by_key(list(generate(embedded_model, rows, GREEDY)))

    for row in rows:
        drawn = list(made[row.key].token_ids)
        prompt = tokenize(embedded_model, row.prompt)
        [logits] = run_rows(
            embedded_model,
            [prompt + drawn],
            [row.vectors],
            prompt_lengths=[len(prompt)],
            n_last=len(drawn) + 1,
        )
        missed = logits[:-1].amax(-1) - logits[range(len(drawn)), drawn]
        assert missed.max().item() < 1e-3


def test_steering_changes_completions(
    embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    made = by_key(list(generate(embedded_model, rows_of(love), SAMPLED)))

    assert made["steered", PROMPTS[0], 0].text != made["unsteered", PROMPTS[0], 0].text


def test_arms_that_do_the_same_give_the_same_completion(embedded_model: TransformerBridge) -> None:
    nothing = resolve(embedded_model, [ActivationAddition(0, 6, "Love")])

    made = by_key(list(generate(embedded_model, rows_of(nothing), SAMPLED)))

    assert made["steered", PROMPTS[1], 1].token_ids == made["unsteered", PROMPTS[1], 1].token_ids


def test_samples_of_a_prompt_differ(embedded_model: TransformerBridge) -> None:
    wide = Sampling(max_new_tokens=12, temperature=1)
    rows = [Row(sample, PROMPTS[0], (), completion_seed(0, PROMPTS[0], sample)) for sample in range(8)]

    texts = {completion.text for completion in generate(embedded_model, rows, wide)}

    assert len(texts) >= 7


def test_a_completion_ends_at_eos_or_at_the_length(embedded_model: TransformerBridge) -> None:
    # The embedded model ends this answer at once, and continues with the other prompt.
    rows = [Row("chat", PROMPTS[2], (), 0), Row("text", PROMPTS[0], (), 0)]

    made = {
        each.key: each for each in generate(embedded_model, rows, Sampling(max_new_tokens=60, temperature=0))
    }

    assert made["chat"].stop_reason == "eos"
    assert made["chat"].token_ids[-1] == 2
    assert "<|im_end|>" not in made["chat"].text
    assert made["text"].stop_reason == "length"
    assert len(made["text"].token_ids) == 60


def test_the_text_keeps_its_white_space_and_leaves_the_prompt_out(embedded_model: TransformerBridge) -> None:
    row = Row("key", PROMPTS[0], (), 0)

    [completion] = generate(embedded_model, [row], Sampling(max_new_tokens=10, temperature=0))

    assert completion.text == " you're a woman.\n\nI'm not"


def test_completions_come_as_they_are_finished_and_progress_counts_their_tokens(
    embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    steps: list[int] = []
    made = generate(embedded_model, rows_of(love), SAMPLED, batch_size=6, on_tokens=steps.append)

    first = next(made)
    n_steps_at_first = len(steps)
    rest = list(made)

    assert n_steps_at_first < 12
    assert sum(steps) == len(first.token_ids) + sum(len(each.token_ids) for each in rest)


@pytest.mark.parametrize("temperature", [0, 0.7, 1])
def test_an_unsteered_completion_is_measured_as_it_is_made(
    temperature: float, embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    sampling = Sampling(max_new_tokens=9, temperature=temperature, frequency_penalty=1, presence_penalty=0.5)
    rows = rows_of(love)

    made = list(generate(embedded_model, rows, sampling, batch_size=5, measure=True))

    unsteered = [each for each in made if each.key[0] == "unsteered"]
    expected = completion_nlls(embedded_model, [(each.prompt, each.token_ids) for each in unsteered])
    assert [each.nll for each in unsteered] == pytest.approx(expected, abs=1e-4)
    assert [each.nll for each in made if each.key[0] == "steered"] == [None] * 6


def test_no_rows_give_no_completions(embedded_model: TransformerBridge) -> None:
    assert list(generate(embedded_model, [], SAMPLED)) == []


def test_a_misfit_is_refused_before_anything_is_made(
    embedded_model: TransformerBridge, love: tuple[SteeringVector, ...]
) -> None:
    rows = [Row(0, PROMPTS[0], love, 0), Row(1, "Oh", love, 0)]

    with pytest.raises(ModelError, match=r"\('Oh'\) is 2 tokens long with BOS, but .* is 3"):
        generate(embedded_model, rows, SAMPLED)


def test_a_row_that_is_lost_on_its_way_out_is_made_again(
    embedded_model: TransformerBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(())
    short = Sampling(max_new_tokens=3)
    expected = by_key(list(generate(embedded_model, rows, short)))
    failures = iter([None, MemoryError()])

    def to_text_at_last(model: TransformerBridge, prompt_ids: list[int], new_ids: list[int]) -> str:
        error = next(failures, None)
        if error:
            raise error
        return to_text(model, prompt_ids, new_ids)

    # the second of those that end together finds no memory, which no model can be made to do
    monkeypatch.setattr("rater.steering.batch.to_text", to_text_at_last)
    made = by_key(list(generate(embedded_model, rows, short)))

    assert made == expected


def test_many_prompts_are_prefilled_in_several_passes(
    embedded_model: TransformerBridge, love: tuple[SteeringVector, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(love)
    expected = by_key(list(generate(embedded_model, rows, GREEDY)))
    shapes: list[tuple[int, ...]] = []

    def note(module: nn.Module, args: tuple[torch.Tensor]) -> None:
        shapes.append(tuple(args[0].shape))

    monkeypatch.setattr("rater.steering.batch._MAX_PREFILLED", 32)
    with embedded_model.original_model.register_forward_pre_hook(note):
        made = by_key(list(generate(embedded_model, rows, GREEDY)))

    assert made == expected
    assert shapes == [(2, 15), (1, 19), (2, 15), (1, 19)]


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED, Sampling(max_new_tokens=12)])
def test_logits_that_are_not_finite_are_an_error_before_sampling(
    sampling: Sampling, embedded_model: TransformerBridge
) -> None:
    broken = SteeringVector("blocks.6.hook_resid_pre", torch.full((1, 576), float("nan")))
    rows = [Row(0, PROMPTS[0], (), 0), Row(1, PROMPTS[1], (broken,), 0, "prompts[1]")]

    with pytest.raises(
        ModelError, match=r"prompts\[1\] .* are not finite. Either its activation additions overflow"
    ):
        list(generate(embedded_model, rows, sampling))


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
