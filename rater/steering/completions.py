"""Generate and measure the completions of some arms in one call, for use without a study or a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.draw import Sampling
from rater.steering.effects import count_words, repetition
from rater.steering.likelihood import completion_nlls
from rater.steering.positions import Touch, Window, touches
from rater.steering.rows import Completion, Row, StopReason, completion_seed
from rater.steering.sampler import generate as generate_rows
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition
from rater.study.arms import Steered, Unsteered

Additions = Sequence[AnyAddition | SteeringVector]


class RepeatedSampling(Sampling, Protocol):
    """How often and how completions are drawn; a study's `Sampling` fits as it is."""

    @property
    def samples_per_prompt(self) -> int:
        """How many completions each arm gives to each prompt."""

    @property
    def seed(self) -> int:
        """What each completion's own seed is derived from."""


@dataclass(frozen=True)
class Draws:
    """How often and how completions are drawn, where there is no study to say it."""

    max_new_tokens: int = 50
    temperature: float = 1.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    samples_per_prompt: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Measurements:
    """What can be said of a completion before people read it."""

    n_tokens: int
    n_words: int
    nll: float
    """Mean negative log-likelihood under the unsteered model, in nats per token."""
    repetition: float | None
    """The share of runs of three tokens that occurred before; None for fewer tokens."""


@dataclass(frozen=True)
class ArmCompletion:
    """One completion of one arm."""

    arm: str
    prompt: str
    sample: int
    seed: int
    token_ids: tuple[int, ...]
    text: str
    stop_reason: StopReason
    measurements: Measurements | None
    touched: tuple[Touch, ...]
    """With ``trace=True``: the tokens at which something was added; each is in row 0, its own."""


class _Key(NamedTuple):
    arm: str
    prompt: str
    sample: int


def generate(
    model: TransformerBridge,
    prompts: str | Sequence[str],
    arms: Sequence[Unsteered | Steered] | Mapping[str, Additions],
    sampling: RepeatedSampling,
    *,
    batch_size: int = 64,
    measure: bool = True,
    trace: bool = False,
) -> list[ArmCompletion]:
    """Generate each arm's completions of each prompt, in the order of arms, prompts and samples.

    A completion is the one that a study with this seed would get; the arms of a sample share its random
    numbers.

    Args:
        model: from `load_model`.
        prompts: what is to be continued.
        arms: declared arms, or additions (none for the unsteered model) by the name of their arm.
        sampling: a study's `Sampling`, or `Draws`.
        batch_size: how many completions are decoded together.
        measure: whether to measure them, which takes a forward pass for eight completions.
        trace: whether to list the tokens at which something was added.

    Raises:
        ModelError: an arm, a prompt and the model do not fit; nothing has been generated then.
    """
    listed = [prompts] if isinstance(prompts, str) else list(prompts)
    vectors = {
        name: resolve(model, additions, place=f"{name}.additions")
        for name, additions in _additions(arms).items()
    }
    rows = [
        Row(_Key(arm, prompt, sample), prompt, added, completion_seed(sampling.seed, prompt, sample))
        for arm, added in vectors.items()
        for prompt in listed
        for sample in range(sampling.samples_per_prompt)
    ]
    made = {each.key: each for each in generate_rows(model, rows, sampling, batch_size=batch_size)}
    ordered = [made[row.key] for row in rows]
    measured = _measure(model, ordered) if measure else [None] * len(rows)
    return [
        ArmCompletion(
            arm=row.key.arm,
            prompt=row.prompt,
            sample=row.key.sample,
            seed=row.seed,
            token_ids=completion.token_ids,
            text=completion.text,
            stop_reason=completion.stop_reason,
            measurements=measurements,
            touched=_touched(model, row, len(completion.token_ids)) if trace else (),
        )
        for row, completion, measurements in zip(rows, ordered, measured, strict=True)
    ]


def _additions(arms: Sequence[Unsteered | Steered] | Mapping[str, Additions]) -> dict[str, Additions]:
    if isinstance(arms, Mapping):
        return dict(arms)
    additions: dict[str, Additions] = {}
    for arm in arms:
        if isinstance(arm, Steered):
            additions[arm.name] = arm.additions
        elif isinstance(arm, Unsteered):
            additions[arm.name] = ()
        else:
            msg = f"{arm!r} is not made by additions; valid here: Unsteered(…) and Steered(…)."
            raise ModelError(msg)
    return additions


def _measure(model: TransformerBridge, completions: Sequence[Completion[_Key]]) -> list[Measurements]:
    nlls = completion_nlls(model, [(each.key.prompt, each.token_ids) for each in completions])
    return [
        Measurements(
            n_tokens=len(each.token_ids),
            n_words=count_words(each.text),
            nll=nll,
            repetition=repetition(each.token_ids),
        )
        for each, nll in zip(completions, nlls, strict=True)
    ]


def _touched(model: TransformerBridge, row: Row[_Key], n_new: int) -> tuple[Touch, ...]:
    # The last token is drawn, but never run through the model. Each hook point of the prompt was checked to
    # have been reached when it was run.
    n_prompt = len(tokenize(model, row.prompt))
    columns = torch.arange(n_prompt + n_new - 1)[None]
    return tuple(touches([row.vectors], Window(columns, (n_prompt,))))
