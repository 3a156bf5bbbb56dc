"""Judge texts as simulated raters of several characters, who know no more of a text than a rater does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np

Character = Literal["effect", "random", "middle", "lazy", "quitting", "leaving", "double-tabbing", "slow"]
CHARACTERS: tuple[Character, ...] = get_args(Character)
N_PARTS = 11
"""From how many places on a slider, or numbers, those bots choose who do not look."""

ShownText = tuple[str, str]
"""A prompt and its text, as shown."""


@dataclass(frozen=True)
class Asked:
    """One question about the texts of a trial."""

    prompt: str
    texts: tuple[str, ...]
    dimension: str
    values: tuple[float, ...]
    """What can be pressed, in order; empty where a number is typed or moved."""
    lowest: float = 0
    highest: float = 100
    step: float = 1


@dataclass(frozen=True)
class Feeling:
    """What a text is like, to everybody: on the logit scale."""

    level: float
    side: float
    """½ for a text of the first arm of the contrast, −½ for the second, 0 for another."""


@dataclass(frozen=True)
class World:
    """What there is to be seen in a study's texts."""

    feelings: Mapping[ShownText, Feeling]
    passing: Mapping[ShownText, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    """The answers that pass attention checks and practice, by dimension."""
    answers: Mapping[str, Callable[[float], float]] = field(default_factory=dict)
    """How what is felt, in logits, becomes an answer, by dimension; of two texts, by how much more on the
    right."""
    sd_leaning: float = 1.0
    """How much raters differ in how high they rate, in logits."""
    sd_slope: float = 0.5
    """How much they differ in what difference they see, in logits."""


class Judge(Protocol):
    """Chooses an answer."""

    def __call__(self, asked: Asked) -> float:
        """Choose an answer to a question."""


class Attentive:
    """Reads and says what it feels: a leaning of its own, an eye for the difference, noise."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world, self._rng = world, rng
        self._leaning = rng.normal(0, world.sd_leaning)
        self._slope = rng.normal(0, world.sd_slope)

    def __call__(self, asked: Asked) -> float:
        """Choose what passes a check; of a text the part of the scale in which what is felt lies."""
        passing = self._world.passing.get((asked.prompt, asked.texts[0]), {}).get(asked.dimension)
        if passing is not None:
            return _within(asked, *passing)
        levels = [self._level(asked.prompt, text) for text in asked.texts]
        felt = levels[0] + self._leaning if len(levels) == 1 else levels[1] - levels[0]
        answer = self._world.answers[asked.dimension](felt + self._rng.logistic())
        return answer if asked.values else _on_step(asked, answer)

    def _level(self, prompt: str, text: str) -> float:
        feeling = self._world.feelings.get((prompt, text), Feeling(0, 0))
        return feeling.level + self._slope * feeling.side


class Random:
    """Presses anything."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, asked: Asked) -> float:
        """Choose any answer."""
        return _part(asked, int(self._rng.integers(_n_parts(asked))))


class Middle:
    """Always chooses the middle."""

    def __call__(self, asked: Asked) -> float:
        """Choose the middle, or the lower of the two in the middle."""
        return _part(asked, (_n_parts(asked) - 1) // 2)


class Lazy:
    """Presses one and the same answer, far too fast."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._share = rng.uniform()

    def __call__(self, asked: Asked) -> float:
        """Choose the same as always."""
        return _part(asked, int(self._share * _n_parts(asked)))


def make_judge(character: Character, world: World, rng: np.random.Generator) -> Judge:
    """Make the judge in a bot; how it goes about the pages is another matter."""
    if character == "random":
        return Random(rng)
    if character == "middle":
        return Middle()
    return Lazy(rng) if character == "lazy" else Attentive(world, rng)


def seconds_on_a_text(character: Character, rng: np.random.Generator) -> float:
    """Draw how long a bot claims to have looked at a text; it never waits that long."""
    if character == "lazy":
        return float(rng.uniform(0.2, 0.8))
    return float(rng.lognormal(np.log(40 if character == "slow" else 9), 0.4))


def _n_parts(asked: Asked) -> int:
    return len(asked.values) or N_PARTS


def _part(asked: Asked, part: int) -> float:
    if asked.values:
        return asked.values[part]
    return _on_step(asked, asked.lowest + (asked.highest - asked.lowest) * part / (N_PARTS - 1))


def _within(asked: Asked, low: float, high: float) -> float:
    if asked.values:
        return next(value for value in asked.values if low <= value <= high)
    return _on_step(asked, (low + high) / 2)


def _on_step(asked: Asked, value: float) -> float:
    return asked.lowest + round((value - asked.lowest) / asked.step) * asked.step
