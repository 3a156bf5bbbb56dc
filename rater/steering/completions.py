"""Generate and measure the completions of some arms in one call, for use without a study or a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol

import torch
from pydantic import Field
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.context import require_no_block
from rater.steering.draw import SamplingParameters
from rater.steering.effects import count_words, token_repetition
from rater.steering.likelihood import unsteered_nlls
from rater.steering.positions import Touch, Window, touches
from rater.steering.prompts import render, set_off
from rater.steering.rows import Completion, Row, StopReason, completion_seed
from rater.steering.sampler import generate as generate_rows
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition
from rater.study.arms import ModelArm, OtherModel, Prompted, Sampling, Steered, Unsteered

Additions = Sequence[AnyAddition | SteeringVector]


class RepeatedSampling(SamplingParameters, Protocol):
    """How often and how completions are drawn; a study's `Sampling` fits as it is."""

    @property
    def samples_per_prompt(self) -> int:
        """How many completions each arm gives to each prompt."""

    @property
    def seed(self) -> int:
        """What each completion's own seed is derived from."""


class Draws(Sampling):
    """A study's `Sampling` with all its fields, and one completion of each prompt unless it says more."""

    samples_per_prompt: Annotated[int, Field(ge=1)] = 1
    """How many completions each arm gives to each prompt."""


@dataclass(frozen=True)
class Measurements:
    """What can be said of a completion before people read it."""

    n_tokens: int
    """The one that ended it included."""
    n_words: int
    """As `count_words` counts them."""
    nll: float
    """Mean negative log-likelihood under the unsteered model, in nats per token."""
    repetition: float | None
    """The share of runs of three tokens that occurred before; None for fewer tokens."""


@dataclass(frozen=True)
class ArmCompletion:
    """One completion of one arm."""

    arm: str
    """The arm's name."""
    prompt: str
    """What was to be continued, without an arm's prefix or the chat template."""
    sample: int
    """Which completion of this prompt by this arm it is, from 0."""
    seed: int | None
    """The seed of its random numbers; None for a text from a file, as is what follows from tokens."""
    token_ids: tuple[int, ...]
    """The new tokens, the one that ended it included."""
    text: str
    """The new tokens as text, without special ones, white space kept."""
    stop_reason: StopReason | None
    """"eos" where the model ended it, "length" where it was cut off."""
    measurements: Measurements | None
    """None with ``measure=False``."""
    touched: tuple[Touch, ...]
    """With ``trace=True``: the tokens at which something was added; each is in row 0, its own."""


def from_outside(arm: str, prompt: str, sample: int, text: str) -> ArmCompletion:
    """Set a text that something else made beside those that were generated here."""
    return ArmCompletion(arm, prompt, sample, None, (), text, None, None, ())


class _Key(NamedTuple):
    arm: str
    prompt: str
    sample: int


def generate(
    model: TransformerBridge,
    prompts: str | Sequence[str],
    arms: Sequence[ModelArm] | Mapping[str, Additions],
    sampling: RepeatedSampling,
    *,
    chat: bool = False,
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
        arms: declared arms, or additions (none for the unsteered model) by the name of their arm; an
            `OtherModel` is taken to be the model given.
        sampling: a study's `Sampling`, or `Draws`.
        chat: whether prompts go through the model's chat template, as what a user says.
        batch_size: how many completions are decoded together.
        measure: whether to measure them, which takes forward passes for all but unsteered completions.
        trace: whether to list the tokens at which something was added.

    Raises:
        ModelError: an arm, a prompt and the model do not fit, or a `steer` block is open; nothing
            has been generated then.
    """
    require_no_block(model, "generate")
    if batch_size < 1:
        msg = f"batch_size is {batch_size}; valid: 1 or more."
        raise ModelError(msg)
    listed = [prompts] if isinstance(prompts, str) else list(prompts)
    rows = _rows(model, listed, arms, sampling, chat=chat)
    finished = generate_rows(model, rows, sampling, batch_size=batch_size, measure=measure)
    made = {each.key: each for each in finished}
    ordered = [made[row.key] for row in rows]
    measured = _measure(model, ordered, chat=chat) if measure else [None] * len(rows)
    return [
        ArmCompletion(
            arm=row.key.arm,
            prompt=row.key.prompt,
            sample=row.key.sample,
            seed=row.seed,
            token_ids=completion.token_ids,
            text=set_off(completion.text, chat=chat),
            stop_reason=completion.stop_reason,
            measurements=measurements,
            touched=_touched(model, row, len(completion.token_ids)) if trace else (),
        )
        for row, completion, measurements in zip(rows, ordered, measured, strict=True)
    ]


def _rows(
    model: TransformerBridge,
    prompts: Sequence[str],
    arms: Sequence[ModelArm] | Mapping[str, Additions],
    sampling: RepeatedSampling,
    *,
    chat: bool,
) -> list[Row[_Key]]:
    added = _additions(arms)
    declared = {} if isinstance(arms, Mapping) else {arm.name: arm for arm in arms}
    vectors = {
        name: resolve(model, additions, place=f"{name}.additions") for name, additions in added.items()
    }
    given = {
        (name, prompt): render(model.tokenizer, prompt, declared.get(name), chat=chat)
        for name in vectors
        for prompt in prompts
    }
    return [
        Row(
            key=_Key(arm, prompt, sample),
            prompt=given[arm, prompt],
            vectors=own,
            seed=completion_seed(sampling.seed, prompt, sample),
        )
        for arm, own in vectors.items()
        for prompt in prompts
        for sample in range(sampling.samples_per_prompt)
    ]


def _additions(arms: Sequence[ModelArm] | Mapping[str, Additions]) -> dict[str, Additions]:
    if isinstance(arms, Mapping):
        return dict(arms)
    additions: dict[str, Additions] = {}
    for arm in arms:
        if isinstance(arm, Steered):
            additions[arm.name] = arm.additions
        elif isinstance(arm, Unsteered | Prompted | OtherModel):
            additions[arm.name] = ()
        else:
            msg = (
                f"{arm!r} is made by no model; valid: an Unsteered, Steered, Prompted or OtherModel arm, or "
                "lists of additions by the names of their arms."
            )
            raise ModelError(msg)
    return additions


def _measure(
    model: TransformerBridge, completions: Sequence[Completion[_Key]], *, chat: bool
) -> list[Measurements]:
    # As the unsteered arm would have had to write it: without an arm's own prefix or system prompt.
    plain = {
        prompt: render(model.tokenizer, prompt, None, chat=chat)
        for prompt in {each.key.prompt for each in completions}
    }
    nlls = unsteered_nlls(model, completions, [plain[each.key.prompt] for each in completions])
    return [
        Measurements(
            n_tokens=len(each.token_ids),
            n_words=count_words(each.text),
            nll=nll,
            repetition=token_repetition(each.token_ids),
        )
        for each, nll in zip(completions, nlls, strict=True)
    ]


def _touched(model: TransformerBridge, row: Row[_Key], n_new: int) -> tuple[Touch, ...]:
    # The last token is drawn, but never run through the model. Each hook point of the prompt was checked to
    # have been reached when it was run.
    n_prompt = len(tokenize(model, row.prompt))
    columns = torch.arange(n_prompt + n_new - 1)[None]
    return tuple(touches([row.vectors], Window(columns, (n_prompt,))))
