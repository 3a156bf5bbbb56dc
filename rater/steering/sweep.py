"""Try an arm's additions at many layers, coefficients and positions, and measure what each does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import TypeAlias

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.completions import ArmCompletion, RepeatedSampling, generate
from rater.steering.effects import kl_divergence
from rater.steering.prefill import check_fits, prefill
from rater.steering.prompts import render
from rater.steering.sweep_results import SweepOutcome, SweepSetting
from rater.steering.vectors import SteeringVector, relative_norm
from rater.study.additions import ActivationAddition, AnyAddition, DatasetVector, RandomVector, XVector
from rater.study.arms import scaled, strength

ScoreFunction: TypeAlias = Callable[[str], float]
"""The user's measure of a completion's text."""


def place_additions(additions: Sequence[AnyAddition], setting: SweepSetting) -> list[AnyAddition]:
    """Put additions into a setting; the largest coefficient becomes the setting's, and the others follow it.

    Raises:
        ModelError: an addition was saved for a layer of its own.
    """
    largest = max((abs(strength(addition)) for addition in additions), default=0) or 1.0
    return [_place(addition, setting, setting.coeff / largest) for addition in additions]


def sweep(
    model: TransformerBridge,
    prompts: Sequence[str],
    additions: Sequence[AnyAddition],
    settings: Sequence[SweepSetting],
    *,
    sampling: RepeatedSampling,
    chat: bool = False,
    score: ScoreFunction | None = None,
    with_unsteered: bool = True,
) -> Iterator[SweepOutcome]:
    """Measure the unsteered model, then each setting; yields each outcome as soon as it is there.

    All settings share the random numbers of a sample, so that they differ by what was done to the model.
    ``score`` measures the text of each completion; its mean is the setting's score.

    Raises:
        ModelError: a setting does not fit the model or a prompt; all are checked before anything is made.
    """
    resolved = {each: resolve(model, place_additions(additions, each)) for each in settings}
    given = [render(model.tokenizer, prompt, None, chat=chat) for prompt in prompts]
    for vectors in resolved.values():
        for prompt in given:
            check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens)
    unsteered: list[tuple[SweepSetting | None, tuple[SteeringVector, ...]]] = (
        [(None, ())] if with_unsteered else []
    )
    for setting, vectors in [*unsteered, *resolved.items()]:
        made = generate(model, prompts, {"arm": vectors}, sampling, chat=chat)
        yield _outcome(model, given, setting, vectors, made=made, score=score)


def _outcome(
    model: TransformerBridge,
    given: Sequence[str],
    setting: SweepSetting | None,
    vectors: tuple[SteeringVector, ...],
    *,
    made: Sequence[ArmCompletion],
    score: ScoreFunction | None,
) -> SweepOutcome:
    measured = [each.measurements for each in made if each.measurements is not None]
    return SweepOutcome(
        setting=setting,
        kl=_mean_kl(model, given, vectors),
        ratio=relative_norm(model, vectors),
        nll=mean(each.nll for each in measured),
        repetition=mean(each.repetition or 0.0 for each in measured),
        n_words=mean(each.n_words for each in measured),
        score=None if score is None else mean(score(each.text) for each in made),
    )


def _mean_kl(model: TransformerBridge, given: Sequence[str], vectors: tuple[SteeringVector, ...]) -> float:
    tokens = [tokenize(model, prompt) for prompt in given]
    steered, unsteered = (
        prefill(model, tokens, [added for _ in tokens]).logits.log_softmax(-1) for added in (vectors, ())
    )
    return mean(kl_divergence(p, q) for p, q in zip(steered, unsteered, strict=True))


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
    msg = f"{addition!r} was saved for its own layer, so it cannot be swept over layers; declare its texts."
    raise ModelError(msg)
