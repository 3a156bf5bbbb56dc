"""Search booklets for a code of the arms, as an attacker who has the trials but not the key would do.

An attacker who knows the design knows which sums its balance makes small: an arm's texts within a rater and
prompt, its places within a booklet or a prompt, the times that it is on the left, its repeats. The search
labels texts with arms so that all of these sums are as small as they can be (iterated local search over
exchanges of two texts within a prompt and over permutations of a prompt's arms).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

_N_EXCHANGED = 6
BY_BOOKLETS = {"texts": 6.0, "places": 1.0, "all places": 4.0, "sides": 1.0, "all sides": 2.0, "repeats": 1.0}
"""Sums that an attacker takes for small where arms are evened out in each booklet, with their weights."""
BY_PROMPTS = {"texts": 6.0, "places of prompts": 1.0, "sides of prompts": 1.0, "sides of pairs": 1.0}
"""The same where they are evened out in each prompt."""
_EPSILON = 1e-9


@dataclass(frozen=True)
class SeenTrial:
    """One row of a rating database's trials, or of an export: nothing in it names an arm."""

    booklet: Hashable
    prompt: Hashable
    items: tuple[Hashable, ...]
    """From left to right."""
    place: float
    """From −½, the first, to ½, the last."""
    dimension: Hashable = None
    is_repeat: bool = False


@dataclass(frozen=True)
class Labels:
    """The arms that a search gives to texts; their numbers mean nothing."""

    items: tuple[Hashable, ...]
    prompts: np.ndarray
    """The number of each item's prompt."""
    arms: np.ndarray
    """The arm found for each item."""
    n_arms: int

    def true(self, truth: Mapping[Hashable, int]) -> np.ndarray:
        """The right arm of each item."""
        return np.array([truth[item] for item in self.items])


@dataclass(frozen=True)
class Effort:
    """Length of a search, and the number of arms."""

    n_arms: int
    rng: np.random.Generator
    n_starts: int = 8
    n_kicks: int = 150


def find_arms(trials: Sequence[SeenTrial], effort: Effort, weights: Mapping[str, float]) -> Labels:
    """Label every text with an arm by what the balance of the booklets gives away.

    ``weights`` names the sums that the attacker expects to be small.
    """
    prompts = {item: trial.prompt for trial in trials for item in trial.items}
    number = {item: index for index, item in enumerate(prompts)}
    kinds = {prompt: index for index, prompt in enumerate(dict.fromkeys(prompts.values()))}
    sums = _sums(trials, number, weights)
    of_items = np.array([kinds[prompt] for prompt in prompts.values()])
    search = _Search(sums.T @ sums, _groups(trials, number), of_items, effort)
    arms = min((search.run() for _ in range(effort.n_starts)), key=lambda found: found[1])[0]
    return Labels(tuple(prompts), of_items, arms, effort.n_arms)


def share_sorted(found: Labels, truth: Mapping[Hashable, int]) -> float:
    """Return the share of all texts in the right arm, under the best renaming of the arms."""
    return _best_share(found.arms, found.true(truth), found.n_arms)


def share_sorted_within_prompts(found: Labels, truth: Mapping[Hashable, int]) -> float:
    """Return the share of texts in the right arm, if the arms of each prompt are renamed for the best."""
    true = found.true(truth)
    of_prompts = [np.flatnonzero(found.prompts == prompt) for prompt in range(found.prompts.max() + 1)]
    n_right = [_best_share(found.arms[own], true[own], found.n_arms) * len(own) for own in of_prompts]
    return sum(n_right) / len(true)


def share_sorted_by_chance(
    found: Labels, truth: Mapping[Hashable, int], rng: np.random.Generator, n_times: int = 400
) -> float:
    """Return the mean share that is sorted when the arms found are turned at random for each prompt."""
    true, n_prompts = found.true(truth), found.prompts.max() + 1
    shares = []
    for _ in range(n_times):
        turns = np.array([rng.permutation(found.n_arms) for _ in range(n_prompts)])
        shares.append(_best_share(turns[found.prompts, found.arms], true, found.n_arms))
    return float(np.mean(shares))


def _best_share(arms: np.ndarray, true: np.ndarray, n_arms: int) -> float:
    table = np.zeros((n_arms, n_arms))
    np.add.at(table, (arms, true), 1)
    best = max(table[list(order), range(n_arms)].sum() for order in permutations(range(n_arms)))
    return float(best / len(true))


def _groups(trials: Iterable[SeenTrial], number: Mapping[Hashable, int]) -> list[np.ndarray]:
    """List the sets of texts with as many of one arm as of another: prompts, or samples shown together."""
    parent = list(range(len(number)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    first: dict[Hashable, int] = {}
    for trial in trials:
        together = [number[item] for item in trial.items]
        if len(together) == 1:
            together.append(first.setdefault(trial.prompt, together[0]))
        for other in together[1:]:
            parent[root(together[0])] = root(other)
    found = defaultdict[int, list[int]](list)
    for index in range(len(number)):
        found[root(index)].append(index)
    return [np.array(group) for group in found.values()]


def _sums(
    trials: Sequence[SeenTrial], number: Mapping[Hashable, int], weights: Mapping[str, float]
) -> np.ndarray:
    """Return the matrix whose product with an arm's texts is small: a row a sum, a column a text.

    Rows of one kind are scaled so that, for texts labelled at random, each has the weight of its kind.
    """
    kinds = defaultdict[str, dict[Hashable, list[tuple[int, float]]]](lambda: defaultdict(list))
    for trial in trials:
        for kind, row, values in _sums_of(trial):
            own = zip((number[item] for item in trial.items), values, strict=True)
            kinds[kind][row].extend(own)
    found = []
    for kind, weight in weights.items():
        block = np.zeros((len(kinds[kind]), len(number)))
        for index, entries in enumerate(kinds[kind].values()):
            columns, values = zip(*entries, strict=True)
            np.add.at(block[index], list(columns), values)
        found.append(block * np.sqrt(weight * len(block)) / max(np.linalg.norm(block), _EPSILON))
    return np.vstack(found)


def _sums_of(trial: SeenTrial) -> list[tuple[str, Hashable, tuple[float, ...]]]:
    """List the sums that a trial adds to: their kind, which one, and what each text adds."""
    n_shown = len(trial.items)
    one, place = (1.0,) * n_shown, (trial.place,) * n_shown
    if trial.is_repeat:
        return [("repeats", trial.booklet, one)]
    sums: list[tuple[str, Hashable, tuple[float, ...]]] = [
        ("texts", (trial.booklet, trial.prompt, trial.dimension), one),
        ("places", trial.booklet, place),
        ("places of prompts", trial.prompt, place),
        ("all places", None, place),
    ]
    if n_shown > 1:
        sides = tuple(1 - 2 * place / (n_shown - 1) for place in range(n_shown))
        sums += [
            ("sides", trial.booklet, sides),
            ("sides of prompts", trial.prompt, sides),
            ("sides of pairs", frozenset(trial.items), sides),
            ("all sides", None, sides),
        ]
    return sums


class _Search:
    """Minimise the sum over arms of z'Qz, where z marks the texts of an arm, less each arm's share."""

    def __init__(
        self, quadratic: np.ndarray, groups: Sequence[np.ndarray], prompts: np.ndarray, effort: Effort
    ) -> None:
        self.quadratic, self.groups, self.prompts, self.effort = quadratic, groups, prompts, effort
        self.within = quadratic * (prompts[:, None] == prompts)
        self.exchanges = np.array([pair for group in groups for pair in combinations(group.tolist(), 2)])
        self.n_arms, self.rng = effort.n_arms, effort.rng
        self.orders = [np.array(order) for order in permutations(range(self.n_arms))][1:]

    def run(self) -> tuple[np.ndarray, float]:
        """Search from a random start; each kick turns some prompts and exchanges some texts."""
        arms = np.empty(len(self.quadratic), dtype=int)
        for group in self.groups:
            arms[group] = self.rng.permutation(np.arange(len(group)) % self.n_arms)
        best, least = self._descend(arms)
        for _ in range(self.effort.n_kicks):
            arms, energy = self._descend(self._kick(best))
            if energy < least + _EPSILON:
                best, least = arms, energy
        return best, least

    def _kick(self, arms: np.ndarray) -> np.ndarray:
        kicked = arms.copy()
        n_prompts = self.prompts.max() + 1
        for prompt in np.flatnonzero(self.rng.random(n_prompts) < 1 / n_prompts):
            own = self.prompts == prompt
            kicked[own] = self.rng.permutation(self.n_arms)[kicked[own]]
        for first, second in self.exchanges[self.rng.integers(len(self.exchanges), size=_N_EXCHANGED)]:
            kicked[[first, second]] = kicked[[second, first]]
        return kicked

    def _descend(self, arms: np.ndarray) -> tuple[np.ndarray, float]:
        marks = np.eye(self.n_arms)[arms] - 1 / self.n_arms
        gradient = self.quadratic @ marks
        while True:
            gain, move = self._best_exchange(arms, gradient)
            turn_gain, turn = self._best_turn(marks, gradient)
            if min(gain, turn_gain) > -_EPSILON:
                return arms, float((marks * gradient).sum())
            arms = arms.copy()
            if gain <= turn_gain:
                changed = np.array(move)
                arms[changed] = arms[changed[::-1]]
            else:
                changed, order = turn
                arms[changed] = order[arms[changed]]
            new = np.eye(self.n_arms)[arms[changed]] - 1 / self.n_arms
            gradient += self.quadratic[:, changed] @ (new - marks[changed])
            marks[changed] = new

    def _best_exchange(self, arms: np.ndarray, gradient: np.ndarray) -> tuple[float, tuple[int, int]]:
        first, second = self.exchanges.T
        one, other = arms[first], arms[second]
        slope = (
            gradient[second, one] - gradient[first, one] + gradient[first, other] - gradient[second, other]
        )
        bend = (
            self.quadratic[first, first] + self.quadratic[second, second] - 2 * self.quadratic[first, second]
        )
        gains = np.where(one == other, np.inf, 2 * slope + 2 * bend)
        index = int(np.argmin(gains))
        return float(gains[index]), (int(first[index]), int(second[index]))

    def _best_turn(
        self, marks: np.ndarray, gradient: np.ndarray
    ) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        best, turn = np.inf, (self.exchanges[0], self.orders[0])
        for order in self.orders:
            step = marks[:, np.argsort(order)] - marks
            of_items = (step * (2 * gradient + self.within @ step)).sum(axis=1)
            gains = np.bincount(self.prompts, weights=of_items)
            if gains.min() < best:
                best, turn = float(gains.min()), (np.flatnonzero(self.prompts == gains.argmin()), order)
        return best, turn
