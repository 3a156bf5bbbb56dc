"""Behaviours of simulated raters, who know no more of a text than a rater does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

Character = Literal["effect", "random", "middle", "lazy", "quitting", "leaving", "double-tabbing", "slow"]
N_PARTS = 11
"""The number of values on a slider among which bots that do not read choose."""

ShownText = tuple[str, str]
"""A prompt and its text, as displayed."""


@dataclass(frozen=True)
class Asked:
    """One question about the texts of a trial."""

    prompt: str
    texts: tuple[str, ...]
    dimension: str
    values: tuple[float, ...]
    """The answers that can be pressed, in order; empty for a slider or a number."""
    lowest: float = 0
    highest: float = 100
    step: float = 1


@dataclass(frozen=True)
class TextQuality:
    """The simulated quality of a text, in logits: its level and its arm's side."""

    level: float
    side: float
    """½ for a text of the first arm of the contrast, −½ for the second, 0 for another."""


AnswerFrom = Callable[[Sequence[float], np.random.Generator], float]
"""The levels of the texts shown, in logits, and the source of the noise → an answer."""


@dataclass(frozen=True)
class ResponseModel:
    """The response model of a rehearsal: how texts differ and how raters respond to them."""

    qualities: Mapping[ShownText, TextQuality]
    passing: Mapping[ShownText, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    """The answers that pass attention checks and practice, by dimension."""
    answers: Mapping[str, AnswerFrom] = field(default_factory=dict)
    """Functions from the levels of a trial's texts to an answer, by dimension; for a choice among labels, to
    1 if the target is recognised, else 0."""
    targets: Mapping[ShownText, Mapping[str, float]] = field(default_factory=dict)
    """The target of each text in a choice among labels, by dimension."""
    sd_severity: float = 1.0
    """Standard deviation of raters' severity, in logits."""
    sd_slope: float = 0.5
    """Standard deviation between raters of the difference between arms, in logits."""


class Judge(Protocol):
    """Chooses an answer."""

    def __call__(self, asked: Asked) -> float:
        """Choose an answer to a question."""


class Attentive:
    """Answers by the response model: a severity of its own, a sensitivity to the difference, and noise."""

    def __init__(self, model: ResponseModel, rng: np.random.Generator) -> None:
        self._model, self._rng = model, rng
        self._severity = rng.normal(0, model.sd_severity)
        self._slope = rng.normal(0, model.sd_slope)

    def __call__(self, asked: Asked) -> float:
        """Choose a passing answer on a check, and otherwise the answer at the perceived level."""
        passing = self._model.passing.get((asked.prompt, asked.texts[0]), {}).get(asked.dimension)
        if passing is not None:
            low, high = passing
            if asked.values:
                return next(value for value in asked.values if low <= value <= high)
            return _on_step(asked, (low + high) / 2)
        qualities = self._model.qualities
        of_texts = [qualities.get((asked.prompt, text), TextQuality(0, 0)) for text in asked.texts]
        levels = [each.level + self._slope * each.side + self._severity for each in of_texts]
        answer = self._model.answers[asked.dimension](levels, self._rng)
        target = self._model.targets.get((asked.prompt, asked.texts[0]), {}).get(asked.dimension)
        if target is not None:
            # in one order, whatever the order on the page of a rater with a random id
            others = sorted(value for value in asked.values if value != target)
            return target if answer else others[int(self._rng.integers(len(others)))]
        return answer if asked.values else _on_step(asked, answer)


class Random:
    """Chooses at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, asked: Asked) -> float:
        """Choose any answer."""
        return _part(
            replace(asked, values=tuple(sorted(asked.values))), int(self._rng.integers(_n_parts(asked)))
        )


class Middle:
    """Always chooses the middle."""

    def __call__(self, asked: Asked) -> float:
        """Choose the middle, or the lower of the two in the middle."""
        return _part(asked, (_n_parts(asked) - 1) // 2)


class Lazy:
    """Always chooses the same answer, far too fast."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._share = rng.uniform()

    def __call__(self, asked: Asked) -> float:
        """Choose the bot's one answer."""
        return _part(asked, int(self._share * _n_parts(asked)))


def make_judge(character: Character, model: ResponseModel, rng: np.random.Generator) -> Judge:
    """Make the behaviour of a bot's answers; its behaviour on the pages is separate."""
    if character == "random":
        return Random(rng)
    if character == "middle":
        return Middle()
    return Lazy(rng) if character == "lazy" else Attentive(model, rng)


def seconds_on_a_text(character: Character, rng: np.random.Generator) -> float:
    """Draw the time that a bot reports for a text; it does not wait for it."""
    if character == "lazy":
        return float(rng.uniform(0.2, 0.8))
    return float(rng.lognormal(np.log(40 if character == "slow" else 9), 0.4))


def _n_parts(asked: Asked) -> int:
    return len(asked.values) or N_PARTS


def _part(asked: Asked, part: int) -> float:
    if asked.values:
        return asked.values[part]
    return _on_step(asked, asked.lowest + (asked.highest - asked.lowest) * part / (N_PARTS - 1))


def _on_step(asked: Asked, value: float) -> float:
    return asked.lowest + round((value - asked.lowest) / asked.step) * asked.step
