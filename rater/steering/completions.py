"""Generate and measure completions of several arms in one call, without a study or a database."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Annotated, Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar

import torch
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError, UnknownArgumentError, nearest
from rater.steering.activations import is_hooked
from rater.steering.additions import resolve
from rater.steering.batch import Completion, Row, StopReason, completion_seed
from rater.steering.bridge import tokenize
from rater.steering.context import require_no_block
from rater.steering.draw import SamplingParameters
from rater.steering.effects import token_repetition
from rater.steering.likelihood import unsteered_nlls
from rater.steering.positions import Touch, Window, touches
from rater.steering.prompts import render, set_off
from rater.steering.sampler import generate as generate_rows
from rater.steering.vectors import SteeringVector
from rater.steering.words import count_words
from rater.study.additions import AnyAddition
from rater.study.arms import ModelArm, OtherModel, Prompted, Sampling, Steered, Unsteered
from rater.study.validation import describe

P = ParamSpec("P")
R = TypeVar("R")
Additions = Sequence[AnyAddition | SteeringVector]


class RepeatedSampling(SamplingParameters, Protocol):
    """The fields of a study's `Sampling` that `generate` reads."""

    @property
    def samples_per_prompt(self) -> int:
        """Number of completions per arm and prompt."""

    @property
    def seed(self) -> int:
        """Seed from which each completion's own seed is derived."""


class Draws(Sampling):
    """A study's `Sampling`, with one completion per prompt by default."""

    samples_per_prompt: Annotated[int, Field(ge=1)] = 1
    """Number of completions per arm and prompt."""

    @model_validator(mode="wrap")
    @classmethod
    def _raise_model_errors(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(values)
        except ValidationError as error:
            raise ModelError(describe(error, Sampling.__name__)) from error


@dataclass(frozen=True)
class Measurements:
    """Automatic measurements of a completion."""

    n_tokens: int
    """Number of new tokens, including the one that ended the completion."""
    n_words: int
    """Number of words, as `count_words` counts them."""
    nll: float
    """Mean negative log-likelihood under the unsteered model, in nats per token."""
    repetition: float | None
    """Share of runs of three tokens that occurred before; None for fewer than three tokens."""


@dataclass(frozen=True)
class ArmCompletion:
    """One completion of one arm."""

    arm: str
    """Name of the arm."""
    prompt: str
    """Text that was continued, without an arm's prefix or the chat template."""
    sample: int
    """Number of the completion of this prompt and arm, from 0."""
    seed: int | None
    """Seed of its random numbers; None for a text from a file, which has no tokens either."""
    token_ids: tuple[int, ...]
    """New tokens, including the one that ended the completion."""
    text: str
    """New tokens as text, with white space and without special tokens."""
    stop_reason: StopReason | None
    """"eos" if the model ended the text, "length" if it was cut off."""
    measurements: Measurements | None
    """None with ``measure=False``."""
    touched: tuple[Touch, ...]
    """With ``trace=True``: the tokens to which something was added, all with row 0."""


def external_completion(arm: str, prompt: str, sample: int, text: str) -> ArmCompletion:
    """Return a text from another source as a completion, to compare it with generated ones."""
    return ArmCompletion(arm, prompt, sample, None, (), text, None, None, ())


def refuse_unknown_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse an unknown keyword with the names that are valid."""
    names = signature(function).parameters

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in names:
                msg = f"{function.__name__} has no argument {name!r}.{nearest(name, names)}"
                raise UnknownArgumentError(msg)
        return function(*args, **kwargs)

    return call


class _Key(NamedTuple):
    arm: str
    prompt: str
    sample: int


@refuse_unknown_arguments
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
    """Generate the completions of each arm for each prompt, in the order of arms, prompts and samples.

    A completion equals that of a study with this seed. The arms of a sample share its random numbers.

    Hooks of one's own, set by ``model.hooks(…)`` or ``model.add_hook``, run at every token, in all arms. They
    see the rows of a batch aligned at the right end, with padding on the left; decoding is slower with them,
    as it is with ``when="all"``. Hooks are seen on hook points only, not on PyTorch's modules.

    Args:
        model: A model from `load_model`.
        prompts: The texts to continue; with ``chat`` also a `Transcript` of a conversation.
        arms: Declared arms; or lists of additions by the name of their arm, empty for the unsteered model. An
            `OtherModel` arm uses the model given here.
        sampling: A study's `Sampling`, or `Draws`.
        chat: Whether prompts are formatted with the model's chat template, as a user's message.
        batch_size: Number of completions that are decoded together.
        measure: Whether to measure them. Costs a forward pass for each completion that was steered. Not
            possible with hooks of one's own, since the unsteered model measures.
        trace: Whether to list the tokens to which something was added.

    Raises:
        ModelError: an arm or prompt does not fit the model; a `steer` block is open; or the model has hooks
            of one's own, and ``measure`` is true; or a prompt is repeated. Nothing is generated then.
    """
    listed = [prompts] if isinstance(prompts, str) else list(prompts)
    _check_call(model, listed, batch_size=batch_size, measure=measure)
    rows = _rows(model, listed, arms, sampling, chat=chat)
    finished = generate_rows(model, rows, sampling, batch_size=batch_size, measure=measure)
    by_key = {each.key: each for each in finished}
    ordered = [by_key[row.key] for row in rows]
    measured = _measure(model, ordered, chat=chat) if measure else [None] * len(rows)
    return [
        ArmCompletion(
            arm=row.key.arm,
            prompt=row.key.prompt,
            sample=row.key.sample,
            seed=row.seed,
            token_ids=completion.token_ids,
            text=set_off(completion.text, completion.prompt, row.key.prompt, chat=chat),
            stop_reason=completion.stop_reason,
            measurements=measurements,
            touched=_touched(model, row, len(completion.token_ids)) if trace else (),
        )
        for row, completion, measurements in zip(rows, ordered, measured, strict=True)
    ]


def _check_call(model: TransformerBridge, prompts: Sequence[str], *, batch_size: int, measure: bool) -> None:
    require_no_block(model, "generate")
    if measure and is_hooked(model):
        msg = (
            "measure is True, but the model has hooks of its own, and completions are measured by the "
            "unsteered model; valid: measure=False, or hooks that are removed (model.reset_hooks())."
        )
        raise ModelError(msg)
    if batch_size < 1:
        msg = f"batch_size is {batch_size}; valid: 1 or more."
        raise ModelError(msg)
    repeated = [prompt for prompt, count in Counter(prompts).items() if count > 1]
    if repeated:
        msg = (
            f"prompts has {repeated[0]!r} {prompts.count(repeated[0])} times. A completion depends on seed, "
            "prompt and sample alone, so all of them would be equal; for n different completions of each "
            "prompt, use samples_per_prompt=n in Draws."
        )
        raise ModelError(msg)


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
    rendered = {
        (name, prompt): render(model.tokenizer, prompt, declared.get(name), chat=chat)
        for name in vectors
        for prompt in prompts
    }
    return [
        Row(
            key=_Key(arm, prompt, sample),
            prompt=rendered[arm, prompt],
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
                f"{arm!r} is not generated by a model; valid: an Unsteered, Steered, Prompted or OtherModel "
                "arm, or lists of additions by the names of their arms."
            )
            raise ModelError(msg)
    return additions


def _measure(
    model: TransformerBridge, completions: Sequence[Completion[_Key]], *, chat: bool
) -> list[Measurements]:
    # The NLL is that of the unsteered arm: without an arm's own prefix or system prompt.
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
    # The last token is drawn but never run through the model. That each hook point of the prompt is reached
    # was checked when the prompt was run.
    n_prompt = len(tokenize(model, row.prompt))
    columns = torch.arange(n_prompt + n_new - 1)[None]
    return tuple(touches([row.vectors], Window(columns, (n_prompt,))))
