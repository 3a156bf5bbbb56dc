"""Sweep an arm's additions over layers, coefficients and positions, and measure each setting."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import mean
from types import MappingProxyType
from typing import TypeAlias

from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.completions import ArmCompletion, RepeatedSampling, generate
from rater.steering.effects import focus, kl_divergence, token_ids_of
from rater.steering.likelihood import completion_nlls
from rater.steering.prefill import check_fits, prefill
from rater.steering.prompts import render
from rater.steering.sweep_results import PromptOutcome, SweepOutcome, SweepSetting, SweepText
from rater.steering.vectors import SteeringVector, relative_norm
from rater.study.additions import ActivationAddition, AnyAddition, DatasetVector, RandomVector, XVector
from rater.study.arms import scaled, strength

# A user's measure of a completion's text.
ScoreFunction: TypeAlias = Callable[[str], float]
# A metric of several texts, one value for each; None where a text has none.
TextsFunction: TypeAlias = Callable[[list[str]], Iterable[float | None]]


def place_additions(additions: Sequence[AnyAddition], setting: SweepSetting) -> list[AnyAddition]:
    """Return additions at a setting: the largest coefficient becomes the setting's, the others scale with it.

    Raises:
        ModelError: an addition was saved for a fixed layer.
    """
    largest = max((abs(strength(addition)) for addition in additions), default=0) or 1.0
    return [_place(addition, setting, setting.coeff / largest) for addition in additions]


def sweep(  # noqa: PLR0913 (one argument for each measurement)
    model: TransformerBridge,
    prompts: Sequence[str],
    additions: Sequence[AnyAddition],
    settings: Sequence[SweepSetting],
    *,
    sampling: RepeatedSampling,
    chat: bool = False,
    score: ScoreFunction | None = None,
    metrics: Mapping[str, TextsFunction] = MappingProxyType({}),
    tokens: Collection[str | int] = (),
    texts: Sequence[tuple[str, str]] = (),
    keep_texts: bool = False,
    with_unsteered: bool = True,
) -> Iterator[SweepOutcome]:
    """Measure the unsteered model, then each setting; yield each outcome as soon as it is measured.

    All settings share the random numbers of a sample. Each outcome has the results by prompt, too.

    Args:
        model: The model.
        prompts: The prompts.
        additions: The additions; their layers, coefficients and positions become those of each setting.
        settings: The settings.
        sampling: A study's `Sampling`, or `Draws`.
        chat: Whether prompts are formatted with the model's chat template.
        score: Measures the text of each completion; its mean is the setting's score, and its effect.
        metrics: Functions by name, from a list of texts to as many values, such as those of
            `rater.measure`.
        tokens: Next tokens, as texts or ids, whose effectiveness and disruption are measured.
        texts: Prompts and texts after them, whose log probability is measured under each setting.
        keep_texts: Whether outcomes have their completions.
        with_unsteered: Whether the unsteered model is measured.

    Raises:
        ModelError: a setting does not fit the model or a prompt; all are checked before generation. Or a
            metric returns another number of values than it was given texts.
    """
    resolved = resolve_settings(model, prompts, additions, settings, sampling=sampling, chat=chat)
    job = _Sweep(
        model=model,
        prompts=prompts,
        inputs=[render(model.tokenizer, prompt, None, chat=chat) for prompt in prompts],
        score=score,
        metrics=metrics,
        token_ids=token_ids_of(model, tokens),
        texts=[(prompt, tokenize(model, text)[1:]) for prompt, text in texts],
        keep_texts=keep_texts,
    )
    unsteered: list[tuple[SweepSetting | None, tuple[SteeringVector, ...]]] = (
        [(None, ())] if with_unsteered else []
    )
    for setting, vectors in [*unsteered, *resolved.items()]:
        completions = generate(model, prompts, {"arm": vectors}, sampling, chat=chat)
        yield _outcome(job, setting, vectors, completions)


def resolve_settings(
    model: TransformerBridge,
    prompts: Sequence[str],
    additions: Sequence[AnyAddition],
    settings: Sequence[SweepSetting],
    *,
    sampling: RepeatedSampling,
    chat: bool,
) -> dict[SweepSetting, tuple[SteeringVector, ...]]:
    """Compute the vectors of each setting; the arguments are those of `sweep`.

    Raises:
        ModelError: a setting does not fit the model or a prompt.
    """
    resolved = {each: resolve(model, place_additions(additions, each)) for each in settings}
    inputs = [render(model.tokenizer, prompt, None, chat=chat) for prompt in prompts]
    for vectors in resolved.values():
        for prompt in inputs:
            check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens)
    return resolved


@dataclass(frozen=True, kw_only=True)
class _Sweep:
    model: TransformerBridge
    prompts: Sequence[str]
    inputs: Sequence[str]
    """The prompts as the model gets them."""
    score: ScoreFunction | None
    metrics: Mapping[str, TextsFunction]
    token_ids: Sequence[int]
    texts: Sequence[tuple[str, Sequence[int]]]
    keep_texts: bool


def _outcome(
    job: _Sweep,
    setting: SweepSetting | None,
    vectors: tuple[SteeringVector, ...],
    completions: Sequence[ArmCompletion],
) -> SweepOutcome:
    steered, unsteered = _next_tokens(job, vectors)
    kls = [kl_divergence(p, q) for p, q in zip(steered, unsteered, strict=True)]
    scores = None if job.score is None else [job.score(each.text) for each in completions]
    values = {name: _values(name, metric, completions) for name, metric in job.metrics.items()}
    by_prompt = []
    for prompt, kl in zip(job.prompts, kls, strict=True):
        own = [place for place, each in enumerate(completions) if each.prompt == prompt]
        measured = [completions[place].measurements for place in own]
        by_prompt.append(
            PromptOutcome(
                setting=setting,
                prompt=prompt,
                kl=kl,
                nll=mean(each.nll for each in measured if each),
                repetition=mean(each.repetition or 0.0 for each in measured if each),
                n_words=mean(each.n_words for each in measured if each),
                score=None if scores is None else mean(scores[place] for place in own),
                metrics={name: _mean(of[place] for place in own) for name, of in values.items()},
            )
        )
    found = (
        [focus(q, p, job.token_ids) for p, q in zip(steered, unsteered, strict=True)] if job.token_ids else []
    )
    texts = tuple(SweepText(setting, each.prompt, each.sample, each.text) for each in completions)
    return SweepOutcome(
        setting=setting,
        kl=mean(kls),
        ratio=relative_norm(job.model, vectors),
        nll=mean(each.nll for each in by_prompt),
        repetition=mean(each.repetition for each in by_prompt),
        n_words=mean(each.n_words for each in by_prompt),
        score=None if scores is None else mean(scores),
        metrics={name: _mean(of) for name, of in values.items()},
        effectiveness=mean(each.effectiveness for each in found) if found else None,
        disruption=mean(each.disruption for each in found) if found else None,
        text_logprob=-mean(completion_nlls(job.model, job.texts, vectors)) if job.texts else None,
        by_prompt=tuple(by_prompt),
        texts=texts if job.keep_texts else (),
    )


def _values(name: str, metric: TextsFunction, completions: Sequence[ArmCompletion]) -> list[float | None]:
    values = list(metric([each.text for each in completions]))
    if len(values) != len(completions):
        msg = f"metrics[{name!r}] returned {len(values)} values for {len(completions)} texts; valid: as many"
        raise ModelError(msg)
    return [None if value is None or not isfinite(value) else float(value) for value in values]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _next_tokens(job: _Sweep, vectors: tuple[SteeringVector, ...]) -> tuple[Tensor, Tensor]:
    """Return the log probabilities of the token after each prompt, steered and unsteered."""
    tokens = [tokenize(job.model, prompt) for prompt in job.inputs]
    steered, unsteered = (
        prefill(job.model, tokens, [added for _ in tokens]).logits.log_softmax(-1) for added in (vectors, ())
    )
    return steered, unsteered


def _place(addition: AnyAddition, setting: SweepSetting, factor: float) -> AnyAddition:
    if isinstance(addition, RandomVector):
        placed = tuple(_place(each, setting, factor) for each in addition.likes)
        like = placed if isinstance(addition.like, tuple) else placed[0]
        return replace(addition, like=like)  # type: ignore[arg-type] # of the kinds that they were
    addition = scaled(addition, factor)
    changed: dict[str, object] = {}
    if isinstance(addition, ActivationAddition | XVector | DatasetVector) and addition.when == "prompt":
        changed["position"] = setting.position
    if isinstance(addition, ActivationAddition):
        return replace(addition, act_name=setting.layer, **changed)  # type: ignore[arg-type] # its own field
    if isinstance(addition, XVector | DatasetVector):
        return replace(addition, at=setting.layer, **changed)  # type: ignore[arg-type] # as above
    msg = f"{addition!r} was saved for a fixed layer, so it cannot be swept over layers; declare its texts."
    raise ModelError(msg)
