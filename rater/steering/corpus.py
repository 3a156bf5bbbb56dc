"""The effect of additions on how likely the texts of a corpus are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.completions import Additions
from rater.steering.corpus_results import TextChange, nothing_counted
from rater.steering.likelihood import Continuation, measure_logprobs
from rater.steering.pairs import space_token
from rater.steering.prefill import check_length
from rater.steering.sweep_results import SweepSetting
from rater.steering.sweeps import place_additions
from rater.steering.tokens import spaces_needed
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition
from rater.study.arms import Prompted, Steered, Unsteered

Counting = Literal["untouched", "all"]
CorpusArm = Steered | Prompted | Unsteered


@dataclass(frozen=True)
class TextEffect:
    """The effect of an arm on the tokens of one text."""

    arm: str
    """Name of the arm."""
    label: str
    """Label of the text."""
    text: int
    """Number of the text among those of its label, from 0."""
    tokens: tuple[str, ...]
    """The tokens of the text."""
    unsteered: tuple[float, ...]
    """Natural-log probability of each token without the arm."""
    steered: tuple[float, ...]
    """Natural-log probability of each token under the arm."""
    is_counted: tuple[bool, ...]
    """True for a token that counts in the sums below."""

    @property
    def n_tokens(self) -> int:
        """Number of tokens that count."""
        return sum(self.is_counted)

    @property
    def logprob_unsteered(self) -> float:
        """Sum of the log-probabilities without the arm, in nats."""
        return sum(each for each, counts in zip(self.unsteered, self.is_counted, strict=True) if counts)

    @property
    def logprob_steered(self) -> float:
        """Sum of the log-probabilities under the arm, in nats."""
        return sum(each for each, counts in zip(self.steered, self.is_counted, strict=True) if counts)

    @property
    def change(self) -> float:
        """The sum under the arm minus that without, in nats."""
        return self.logprob_steered - self.logprob_unsteered


def corpus_effect(
    model: TransformerBridge,
    texts: Mapping[str, Sequence[str]],
    arms: Sequence[CorpusArm] | Mapping[str, Additions],
    *,
    counting: Counting = "untouched",
    spaced: bool = False,
) -> Iterator[TextEffect]:
    """Measure how much likelier or unlikelier each arm makes each token of some texts.

    Each text is the prompt that additions are made to; a prompted arm is its prefix before the text. The
    unsteered model is measured once. Texts of similar lengths share a forward pass.

    llm-steering's three methods are "normal", which is ``counting="all"``; "mask_injection_logprob", which is
    ``counting="untouched"``; and "pad", which is that with ``spaced=True``.

    Args:
        model: The bridge.
        texts: Texts by label.
        arms: Declared arms; or lists of additions by the name of their arm.
        counting: "untouched" leaves out tokens that are predicted at a token to which something was added.
            "all" counts all.
        spaced: Whether space tokens are put between BOS and the text, with and without the arm, as many as
            its longest addition needs to end before the text. A prompted arm has none.

    Yields:
        The effects by arm, label and text, each arm as soon as it is measured.

    Raises:
        ModelError: a text is empty or does not fit the additions, the arm or the model. All arms are checked
            before the first is measured.
    """
    corpus = _Corpus(model, texts, counting, spaced=spaced)
    plans = [corpus.plan(name, arm) for name, arm in _named(arms).items()]
    return (effect for plan in plans for effect in corpus.measure(plan))


def corpus_changes(
    model: TransformerBridge,
    texts: Mapping[str, Sequence[str]],
    settings: Sequence[SweepSetting | Prompted],
    additions: Sequence[AnyAddition],
    *,
    counting: Counting = "untouched",
    spaced: bool = False,
) -> Iterator[list[TextChange]]:
    """Measure a corpus at each layer and coefficient, and under prompted arms.

    Args:
        model: The bridge.
        texts: Texts by label.
        settings: Layers and coefficients that the additions are placed at, and prompted arms.
        additions: The additions of a steered arm.
        counting: As for `corpus_effect`.
        spaced: As for `corpus_effect`.

    Yields:
        The changes of all texts at one setting, in the order of the settings.

    Raises:
        ModelError: as `corpus_effect`.
    """
    corpus = _Corpus(model, texts, counting, spaced=spaced)
    named: list[tuple[SweepSetting | str, _Plan]] = []
    for setting in settings:
        if isinstance(setting, Prompted):
            named.append((setting.name, corpus.plan(setting.name, setting)))
        else:
            named.append((setting, corpus.plan("", place_additions(additions, setting))))
    return ([_change(setting, effect) for effect in corpus.measure(plan)] for setting, plan in named)


def _change(setting: SweepSetting | str, effect: TextEffect) -> TextChange:
    sums = effect.logprob_unsteered, effect.logprob_steered
    return TextChange(setting, effect.label, effect.text, effect.n_tokens, *sums)


@dataclass(frozen=True, eq=False)
class _Plan:
    """An arm that was checked against all texts."""

    name: str
    vectors: tuple[SteeringVector, ...]
    prefix: tuple[int, ...]
    """Tokens between BOS and the text under the arm."""
    n_spaces: int
    """Space tokens between BOS and the text without the arm."""


class _Corpus:
    """Texts as tokens, and their log-probabilities under the unsteered model, by the number of spaces."""

    def __init__(
        self,
        model: TransformerBridge,
        texts: Mapping[str, Sequence[str]],
        counting: Counting,
        *,
        spaced: bool,
    ) -> None:
        if counting not in get_args(Counting):
            msg = f"counting is {counting!r}; valid: {', '.join(map(repr, get_args(Counting)))}."
            raise ModelError(msg)
        self._model, self._counting, self._spaced = model, counting, spaced
        self._bos = tokenize(model, "")
        self._rows = [
            (label, number, self._tokens(label, number, text))
            for label, own in _require_texts(texts).items()
            for number, text in enumerate(own)
        ]
        self._unsteered: dict[int, list[list[float]]] = {}

    def plan(self, name: str, arm: CorpusArm | Additions) -> _Plan:
        """Resolve an arm, and check that all texts fit it."""
        if isinstance(arm, Prompted):
            if arm.system is not None:
                msg = f"The arm {name!r} has a system prompt; valid: a prompted arm with a prefix alone."
                raise ModelError(msg)
            plan = _Plan(name, (), tuple(tokenize(self._model, arm.prefix)[1:]), 0)
        else:
            additions: Additions = arm.additions if isinstance(arm, Steered) else ()
            if not isinstance(arm, Steered | Unsteered):
                additions = arm
            vectors = resolve(self._model, additions, place=f"{name}.additions" if name else "additions")
            n_spaces = spaces_needed(vectors) if self._spaced else 0
            plan = _Plan(name, vectors, (self._space(),) * n_spaces, n_spaces)
        for label, number, row in self._rows:
            place = f"Text {number} of label {label!r}"
            check_length(self._model, 1 + len(plan.prefix) + len(row), plan.vectors, place=place)
        if self._counting == "untouched":
            for (label, number, _), each in zip(self._rows, self._after(plan.prefix), strict=True):
                if not any(each.untouched(plan.vectors)):
                    raise nothing_counted(label, number)
        return plan

    def measure(self, plan: _Plan) -> Iterator[TextEffect]:
        """Yield the effect of an arm on each text."""
        if plan.n_spaces not in self._unsteered:
            spaces = (self._space(),) * plan.n_spaces
            self._unsteered[plan.n_spaces] = measure_logprobs(self._model, self._after(spaces), ())
        continuations = self._after(plan.prefix)
        steered = measure_logprobs(self._model, continuations, plan.vectors)
        unsteered = self._unsteered[plan.n_spaces]
        for at, (label, number, row) in enumerate(self._rows):
            untouched = continuations[at].untouched(plan.vectors)
            yield TextEffect(
                arm=plan.name,
                label=label,
                text=number,
                tokens=tuple(str(self._model.tokenizer.decode([token])) for token in row),
                unsteered=tuple(unsteered[at]),
                steered=tuple(steered[at]),
                is_counted=tuple(each or self._counting == "all" for each in untouched),
            )

    def _after(self, prefix: Sequence[int]) -> list[Continuation]:
        """Return all texts after BOS and some tokens; they are the prompt of additions as a whole."""
        start = [*self._bos, *prefix]
        return [Continuation(start, row, len(start) + len(row)) for _, _, row in self._rows]

    def _tokens(self, label: str, number: int, text: str) -> list[int]:
        tokens = tokenize(self._model, text)[1:]
        if not tokens:
            msg = f"Text {number} of label {label!r} is empty; valid: a text."
            raise ModelError(msg)
        return tokens

    def _space(self) -> int:
        return space_token(self._model, "spaced")


def _named(arms: Sequence[CorpusArm] | Mapping[str, Additions]) -> dict[str, CorpusArm | Additions]:
    if isinstance(arms, Mapping):
        return dict(arms)
    for arm in arms:
        if not isinstance(arm, CorpusArm):
            msg = (
                f"{arm!r} has no effect on texts; valid: a Steered, Prompted or Unsteered arm, or lists "
                "of additions by the names of their arms."
            )
            raise ModelError(msg)
    return {arm.name: arm for arm in arms}


def _require_texts(texts: object) -> Mapping[str, Sequence[str]]:
    """Check that texts are lists of texts by label."""
    if isinstance(texts, Mapping) and texts:
        lists = [own for own in texts.values() if isinstance(own, list | tuple) and own]
        if len(lists) == len(texts) and all(isinstance(text, str) for own in lists for text in own):
            return texts
    msg = f"texts is {texts!r}; valid: lists of texts by their label, such as {{'wedding': ['The bride …']}}."
    raise ModelError(msg)
