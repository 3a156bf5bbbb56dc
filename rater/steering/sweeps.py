"""Sweep an arm's additions over layers, coefficients and positions, and measure each setting."""

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

# A user's measure of a completion's text.
ScoreFunction: TypeAlias = Callable[[str], float]


def place_additions(additions: Sequence[AnyAddition], setting: SweepSetting) -> list[AnyAddition]:
    """Return additions at a setting: the largest coefficient becomes the setting's, the others scale with it.

    Raises:
        ModelError: an addition was saved for a fixed layer.
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
    """Measure the unsteered model, then each setting; yield each outcome as soon as it is measured.

    All settings share the random numbers of a sample. ``score`` measures the text of each completion; its
    mean is the setting's score.

    Raises:
        ModelError: a setting does not fit the model or a prompt; all are checked before generation.
    """
    resolved = {each: resolve(model, place_additions(additions, each)) for each in settings}
    inputs = [render(model.tokenizer, prompt, None, chat=chat) for prompt in prompts]
    for vectors in resolved.values():
        for prompt in inputs:
            check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens)
    unsteered: list[tuple[SweepSetting | None, tuple[SteeringVector, ...]]] = (
        [(None, ())] if with_unsteered else []
    )
    for setting, vectors in [*unsteered, *resolved.items()]:
        completions = generate(model, prompts, {"arm": vectors}, sampling, chat=chat)
        yield _outcome(model, inputs, setting, vectors, completions=completions, score=score)


def _outcome(
    model: TransformerBridge,
    inputs: Sequence[str],
    setting: SweepSetting | None,
    vectors: tuple[SteeringVector, ...],
    *,
    completions: Sequence[ArmCompletion],
    score: ScoreFunction | None,
) -> SweepOutcome:
    measured = [each.measurements for each in completions if each.measurements is not None]
    return SweepOutcome(
        setting=setting,
        kl=_mean_kl(model, inputs, vectors),
        ratio=relative_norm(model, vectors),
        nll=mean(each.nll for each in measured),
        repetition=mean(each.repetition or 0.0 for each in measured),
        n_words=mean(each.n_words for each in measured),
        score=None if score is None else mean(score(each.text) for each in completions),
    )


def _mean_kl(model: TransformerBridge, inputs: Sequence[str], vectors: tuple[SteeringVector, ...]) -> float:
    tokens = [tokenize(model, prompt) for prompt in inputs]
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
    msg = f"{addition!r} was saved for a fixed layer, so it cannot be swept over layers; declare its texts."
    raise ModelError(msg)
