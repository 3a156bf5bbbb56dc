"""Generate a study's completions, and save each when it is finished.

A completion depends only on the study, its prompt, arm and sample, so that generation that was interrupted
and run again ends with the same rows.
"""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import islice

import psutil
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.audit.cues import word_repetition
from rater.errors import StateError
from rater.generate.completion_store import CompletionStore, Versions
from rater.generate.estimate import kept_together
from rater.steering.additions import resolve
from rater.steering.batch import Completion, Row, completion_seed
from rater.steering.likelihood import unsteered_nlls
from rater.steering.prompts import render, set_off
from rater.steering.sampler import generate
from rater.steering.vectors import SteeringVector
from rater.store.sealed.completions import Cell, NewCompletion
from rater.store.sealed.compute import ComputeUse
from rater.study.arms import ExternalCompletions, ModelArm, Steered, model_of
from rater.study.conversation import Transcript, insert_replies, write_replies, write_transcript
from rater.study.study import Study

# Further decimals depend on which completions were decoded together, by about 1e-6.
_NLL_DECIMALS = 2


def make_completions(
    store: CompletionStore,
    study: Study,
    cells: Sequence[Cell],
    model: TransformerBridge,
    *,
    batch_size: int,
    clock: Callable[[], datetime],
    on_tokens: Callable[[int], None],
    on_completion: Callable[[int], None],
) -> None:
    """Generate and measure completions, and save them in groups as they are finished.

    Measuring costs a forward pass for the steered ones of a group; saving is one transaction per group.

    Args:
        store: Where completions are saved.
        study: The study.
        cells: The completions to generate, all by one model (see `cells_by_model`).
        model: That model.
        batch_size: Number of completions that are decoded together; an interruption loses these and a group.
        clock: Returns the current time.
        on_tokens: Called with the number of tokens of each step.
        on_completion: Called with the number of tokens of each stored completion.

    Raises:
        ModelError: an arm does not fit the model; nothing is generated then.
        StateError: the model's earlier completions were generated in another precision.
    """
    plan = _Plan.of(study, cells, model)
    versions = _versions(model)
    _require_one_dtype(study, cells, store.versions_by_arm(), versions["dtype"])
    begun, n_tokens = time.monotonic(), 0
    make = _conversations if study.rated_part == "conversation" else _completions
    for new in make(plan, batch_size, on_tokens):
        store.save(new, versions, now=clock())
        for each in new:
            n_tokens += len(each.token_ids)
            on_completion(len(each.token_ids))
    wall_s = round(time.monotonic() - begun, 3)
    use = ComputeUse(versions["device"], wall_s, n_tokens, _peak_bytes(model))
    store.end_run(len(cells), versions, use, now=clock())


def _require_one_dtype(
    study: Study, cells: Iterable[Cell], versions_by_arm: Mapping[str, Sequence[Versions]], dtype: str
) -> None:
    """Check that all arms use one precision: they must differ in nothing but the intervention."""
    models = {arm.name: model_of(arm, study.model) for arm in study.arms}
    now = {models[cell.arm] for cell in cells}
    others = {
        made_by["dtype"]
        for arm, versions in versions_by_arm.items()
        for made_by in versions
        if models[arm] in now and "dtype" in made_by and made_by["dtype"] != dtype
    }
    if others:
        other = min(others).removeprefix("torch.")
        msg = (
            f"Completions of study {study.name!r} were made in {other}, but its model is loaded in "
            f"{dtype.removeprefix('torch.')} now. Add --dtype {other}, or --restart to delete those."
        )
        raise StateError(msg)


@dataclass(frozen=True)
class _Plan:
    """The cells of a generation with their arms and vectors, and the model."""

    study: Study
    cells: Sequence[Cell]
    model: TransformerBridge
    arms: Mapping[tuple[int, str], ModelArm]
    """By item and name."""
    vectors: Mapping[tuple[int, str], tuple[SteeringVector, ...]]
    """By item and arm; arms with the same vectors have the identical tuple."""

    @classmethod
    def of(cls, study: Study, cells: Sequence[Cell], model: TransformerBridge) -> "_Plan":
        """Resolve the vectors of each arm and concept once.

        Raises:
            ModelError: an arm does not fit the model.
        """
        by_concept = [{arm.name: arm for arm in arms} for arms in study.concrete_arms]
        concepts = [study.concept_number(item) for item in range(len(study.prompts))]
        resolved: dict[tuple[int, str], tuple[SteeringVector, ...]] = {}
        arms: dict[tuple[int, str], ModelArm] = {}
        for item, name in dict.fromkeys((cell.prompt_index, cell.arm) for cell in cells):
            concept = concepts[item]
            arm = by_concept[concept][name]
            assert not isinstance(arm, ExternalCompletions)  # noqa: S101 (no model makes them)
            arms[item, name] = arm
            if (concept, name) not in resolved:
                additions = arm.additions if isinstance(arm, Steered) else ()
                place = f"arms[{study.arm_names.index(name)}].additions"
                if study.concepts:
                    place += f" for the concept {study.concepts[concept].words!r}"
                resolved[concept, name] = resolve(model, additions, place=place)
        return cls(
            study, cells, model, arms, {(item, name): resolved[concepts[item], name] for item, name in arms}
        )

    def row(self, cell: Cell, prompt: str, seed: int) -> Row[Cell]:
        """Return the row that continues a prompt, or the transcript of a conversation so far."""
        item = cell.prompt_index
        return Row(
            key=cell,
            prompt=render(self.model.tokenizer, prompt, self.arms[item, cell.arm], chat=self.study.chat),
            vectors=self.vectors[item, cell.arm],
            seed=seed,
            place=f"{'items' if self.study.rated_items[item].turns else 'prompts'}[{item}]",
        )

    def plain(self, prompt: str) -> str:
        """Return the input of the unsteered arm, without an arm's own prefix or system prompt."""
        return render(self.model.tokenizer, prompt, None, chat=self.study.chat)


def _completions(
    plan: _Plan, batch_size: int, on_tokens: Callable[[int], None]
) -> Iterator[list[NewCompletion]]:
    """Generate one text for each cell; yield groups of finished ones with their measurements."""
    study, model = plan.study, plan.model
    inputs = [item.model_input for item in study.rated_items]
    rows = [plan.row(cell, inputs[cell.prompt_index], _seed(study, cell)) for cell in plan.cells]
    finished = generate(model, rows, study.sampling, batch_size=batch_size, measure=True, on_tokens=on_tokens)
    while group := list(islice(finished, kept_together(batch_size))):
        nlls = unsteered_nlls(model, group, [plan.plain(inputs[made.key.prompt_index]) for made in group])
        yield [
            NewCompletion(
                cell=made.key,
                seed=_seed(study, made.key),
                token_ids=made.token_ids,
                text=set_off(made.text, made.prompt, inputs[made.key.prompt_index], chat=study.chat),
                stop_reason=made.stop_reason,
                nll=round(nll, _NLL_DECIMALS),
                repetition=word_repetition(made.text),
            )
            for made, nll in zip(group, nlls, strict=True)
        ]


@dataclass(frozen=True)
class _Reply:
    """A generated turn of a conversation."""

    made: Completion[Cell]
    text: str
    nll: float


def _conversations(
    plan: _Plan, batch_size: int, on_tokens: Callable[[int], None]
) -> Iterator[list[NewCompletion]]:
    """Generate whole conversations, a batch of them at a time, turn by turn; yield each finished batch.

    The rows of one turn are decoded together, whatever their arms. An interruption loses the batch.
    """
    for start in range(0, len(plan.cells), batch_size):
        replies: dict[Cell, list[_Reply]] = {cell: [] for cell in plan.cells[start : start + batch_size]}
        for number in range(plan.study.n_replies):
            for reply in _take_turns(plan, replies, number, batch_size=batch_size, on_tokens=on_tokens):
                replies[reply.made.key].append(reply)
        yield [_told(plan.study, cell, own) for cell, own in replies.items()]


def _take_turns(
    plan: _Plan,
    replies: Mapping[Cell, Sequence[_Reply]],
    number: int,
    *,
    batch_size: int,
    on_tokens: Callable[[int], None],
) -> list[_Reply]:
    """Generate one turn of each conversation that has one with this number, from 0."""
    study, model = plan.study, plan.model
    so_far = {}
    for cell, own in replies.items():
        item = study.rated_items[cell.prompt_index]
        if number < item.n_replies:
            told = insert_replies(item.turns, [reply.text for reply in own])
            so_far[cell] = Transcript(write_transcript(turn for turn, _ in told))
    rows = [plan.row(cell, prompt, _turn_seed(study, cell, number)) for cell, prompt in so_far.items()]
    made = list(
        generate(model, rows, study.sampling, batch_size=batch_size, measure=True, on_tokens=on_tokens)
    )
    taken: list[_Reply] = []
    for start in range(0, len(made), kept_together(batch_size)):
        group = made[start : start + kept_together(batch_size)]
        nlls = unsteered_nlls(model, group, [plan.plain(so_far[each.key]) for each in group])
        texts = [set_off(each.text, each.prompt, so_far[each.key], chat=True) for each in group]
        taken += map(_Reply, group, texts, nlls)
    return taken


def _told(study: Study, cell: Cell, replies: Sequence[_Reply]) -> NewCompletion:
    token_ids = tuple(token for reply in replies for token in reply.made.token_ids)
    was_cut = any(reply.made.stop_reason == "length" for reply in replies)
    return NewCompletion(
        cell=cell,
        seed=_seed(study, cell),
        token_ids=token_ids,
        text=write_replies(reply.text for reply in replies),
        stop_reason="length" if was_cut else "eos",
        nll=round(
            math.fsum(reply.nll * len(reply.made.token_ids) for reply in replies) / len(token_ids),
            _NLL_DECIMALS,
        ),
        repetition=word_repetition("\n\n".join(reply.text for reply in replies)),
    )


def _turn_seed(study: Study, cell: Cell, number: int) -> int:
    """Return the seed of a generated turn; that of the first one is the completion's."""
    first = _seed(study, cell)
    return first if number == 0 else completion_seed(first, "turn", number)


def _seed(study: Study, cell: Cell) -> int:
    """Return the seed, from the study's own prompt: arms with a prefix share its random numbers.

    Items with the same prompt continue its numbering of samples, so that their texts differ. References are
    numbered downwards from −1, so that they share the random numbers of no rated text.
    """
    prompt = study.prompts[cell.prompt_index]
    n_before = study.prompts[: cell.prompt_index].count(prompt)
    if study.is_reference(cell.arm, cell.sample):
        return completion_seed(study.sampling.seed, prompt, -1 - n_before)
    n_samples = n_before * study.sampling.samples_per_prompt
    return completion_seed(study.sampling.seed, prompt, n_samples + cell.sample)


def _versions(model: TransformerBridge) -> dict[str, str]:
    packages = ("rater", "torch", "transformers", "transformer_lens")
    parameter = next(model.parameters())
    return {
        "engine": "torch",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "device": str(parameter.device),
        "dtype": str(parameter.dtype),
    }


def _peak_bytes(model: TransformerBridge) -> int:
    """Return the largest memory so far, of the GPU if the model is on one, else of the process."""
    device = next(model.parameters()).device
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # noqa: PLC0415 (not on every system)
    except ImportError:
        return int(psutil.Process().memory_info().rss)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
