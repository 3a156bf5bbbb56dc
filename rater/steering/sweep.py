"""Try an arm's additions at many layers, coefficients and positions, and measure what each does."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import Literal

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.completions import ArmCompletion, RepeatedSampling, generate
from rater.steering.effects import count_words, kl_divergence
from rater.steering.prefill import check_fits, prefill
from rater.steering.prompts import render
from rater.steering.strength import relative_norm
from rater.steering.vectors import SteeringVector
from rater.study.additions import ActivationAddition, AnyAddition, DatasetVector, RandomVector, XVector
from rater.study.doses import scaled, strength

Place = Literal["front", "mid", "back"]


@dataclass(frozen=True)
class Setting:
    """Where and how strongly an arm's additions are made."""

    layer: int
    coeff: float
    """The coefficient, or the share of the residual norm where the arm declares `relative`."""
    position: Place = "front"


@dataclass(frozen=True)
class Outcome:
    """What a setting does, over all prompts and samples; means, unless said otherwise."""

    setting: Setting | None
    """None for the unsteered model."""
    kl: float
    """Divergence of the steered next token from the unsteered one, in nats."""
    ratio: float
    """The largest norm of the addition over text tokens, as a share of the residual stream's."""
    nll: float
    """Negative log-likelihood of the completion under the unsteered model, in nats per token."""
    repetition: float
    """The share of runs of three tokens that occurred before in the completion."""
    n_words: float
    hits: float | None
    """Occurrences of the words looked for in a completion; None where none are looked for."""

    @property
    def effect(self) -> float:
        """What is hoped for: the words looked for, or, without them, a change of the next token."""
        return self.kl if self.hits is None else self.hits

    def is_damaged(self, unsteered: "Outcome") -> bool:
        """Say whether the text is hardly language any more.

        It is where a token costs the unsteered model a nat more than its own do, or where a third more of the
        text repeats itself.
        """
        return self.nll > unsteered.nll + 1 or self.repetition > unsteered.repetition + 1 / 3


def all_settings(layers: Sequence[int], coeffs: Sequence[float], positions: Sequence[Place]) -> list[Setting]:
    """Combine layers, coefficients and positions."""
    return [Setting(*each) for each in product(layers, coeffs, positions)]


def place_additions(additions: Sequence[AnyAddition], setting: Setting) -> list[AnyAddition]:
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
    settings: Sequence[Setting],
    *,
    sampling: RepeatedSampling,
    chat: bool = False,
    words: Collection[str] | None = None,
    with_unsteered: bool = True,
) -> Iterator[Outcome]:
    """Measure the unsteered model, then each setting; yields each outcome as soon as it is there.

    All settings share the random numbers of a sample, so that they differ by what was done to the model.

    Raises:
        ModelError: a setting does not fit the model or a prompt; all are checked before anything is made.
    """
    resolved = {each: resolve(model, place_additions(additions, each)) for each in settings}
    given = [render(model.tokenizer, prompt, None, chat=chat) for prompt in prompts]
    for vectors in resolved.values():
        for prompt in given:
            check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens)
    unsteered: list[tuple[Setting | None, tuple[SteeringVector, ...]]] = (
        [(None, ())] if with_unsteered else []
    )
    for setting, vectors in [*unsteered, *resolved.items()]:
        made = generate(model, prompts, {"arm": vectors}, sampling, chat=chat)
        yield _outcome(model, given, setting, vectors, made=made, words=words)


def _outcome(
    model: TransformerBridge,
    given: Sequence[str],
    setting: Setting | None,
    vectors: tuple[SteeringVector, ...],
    *,
    made: Sequence[ArmCompletion],
    words: Collection[str] | None,
) -> Outcome:
    measured = [each.measurements for each in made if each.measurements is not None]
    return Outcome(
        setting=setting,
        kl=_mean_kl(model, given, vectors),
        ratio=relative_norm(model, vectors),
        nll=mean(each.nll for each in measured),
        repetition=mean(each.repetition or 0.0 for each in measured),
        n_words=mean(each.n_words for each in measured),
        hits=_hits(made, words),
    )


def _mean_kl(model: TransformerBridge, given: Sequence[str], vectors: tuple[SteeringVector, ...]) -> float:
    tokens = [tokenize(model, prompt) for prompt in given]
    steered, unsteered = (
        prefill(model, tokens, [added for _ in tokens]).logits.log_softmax(-1) for added in (vectors, ())
    )
    return mean(kl_divergence(p, q) for p, q in zip(steered, unsteered, strict=True))


def _hits(completions: Sequence[ArmCompletion], words: Collection[str] | None) -> float | None:
    return None if words is None else mean(count_words(each.text, words) for each in completions)


def _place(addition: AnyAddition, setting: Setting, factor: float) -> AnyAddition:
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
