r"""Cues that separate the arms apart from meaning: order, form and serial dependence.

In each stratum the AUC is :math:`U / (n_1 n_2)`, the share of pairs in which the first arm's text has more
(ties count half). They are averaged over strata. The interval is a t interval over strata, which are the
clusters (:math:`\bar a \pm t_{.975, S-1}\, s_a / \sqrt S`); with a single stratum it is DeLong's (DeLong,
DeLong & Clarke-Pearson 1988, Biometrics 44, 837, equation 4). The test is the stratified rank test of van
Elteren (1960): under no difference texts of a stratum are exchangeable between arms, so that
:math:`z = \sum (a_s - 1/2) / \sqrt{\sum v_s}` with the tie-corrected permutation variance
:math:`v_s = \frac{1}{12 n_1 n_2} (N + 1 - \sum (t^3 - t) / (N (N - 1)))`.

Serial dependence matters because a rater who has guessed one text's arm could then guess the next. Its null
distribution permutes, within each booklet, the arms among the texts of each prompt: given the order of the
prompts, the assignment randomises nothing else.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.multiple_comparisons import holm
from rater.audit.findings import Cue, CueKind
from rater.audit.marks import AuditedPublication
from rater.rendering.shown import count_shown_forms, visible_text
from rater.study.confounds import TextCue

Values = NDArray[np.float64]
_LEVEL = 0.95


class Separation(NamedTuple):
    """The separation of two arms by a cue: AUC, interval and p value."""

    auc: float
    low: float | None
    high: float | None
    p: float


def separate(values: Values, is_first: NDArray[np.bool_], stratum: NDArray[np.intp]) -> Separation | None:
    """Compare two arms within strata; None where no stratum has both."""
    aucs, variances, pairs = [], [], []
    for first, second in _strata(values, is_first, stratum):
        aucs.append(_auc(first, second))
        variances.append(_null_variance(first, second))
        pairs.append((first, second))
    if not aucs:
        return None
    mean = float(np.mean(aucs))
    if len(aucs) > 1:
        quantile = float(stats.t.ppf((1 + _LEVEL) / 2, len(aucs) - 1))
        half: float | None = quantile * float(np.std(aucs, ddof=1)) / math.sqrt(len(aucs))
    else:
        half = _delong_half_width(*pairs[0])
    total = math.fsum(variances)
    z = math.fsum(auc - 0.5 for auc in aucs) / math.sqrt(total) if total > 0 else 0.0
    return Separation(
        auc=mean,
        low=None if half is None else max(0.0, mean - half),
        high=None if half is None else min(1.0, mean + half),
        p=float(2 * stats.norm.sf(abs(z))),
    )


def _strata(
    values: Values, is_first: NDArray[np.bool_], stratum: NDArray[np.intp]
) -> Iterator[tuple[Values, Values]]:
    order = np.argsort(stratum, kind="stable")
    borders = np.flatnonzero(np.diff(stratum[order])) + 1
    for rows in np.split(order, borders):
        first, second = values[rows[is_first[rows]]], values[rows[~is_first[rows]]]
        if first.size and second.size:
            yield first, second


def _auc(first: Values, second: Values) -> float:
    ranks = stats.rankdata(np.concatenate([first, second]))
    above = float(ranks[: first.size].sum()) - first.size * (first.size + 1) / 2
    return above / (first.size * second.size)


def _null_variance(first: Values, second: Values) -> float:
    n = first.size + second.size
    _, counts = np.unique(np.concatenate([first, second]), return_counts=True)
    ties = float((counts**3 - counts).sum()) / (n * (n - 1))
    return (n + 1 - ties) / (12 * first.size * second.size)


def _delong_half_width(first: Values, second: Values) -> float | None:
    if min(first.size, second.size) < 2:
        return None
    above = (first[:, None] > second[None, :]) + 0.5 * (first[:, None] == second[None, :])
    variance = above.mean(axis=1).var(ddof=1) / first.size + above.mean(axis=0).var(ddof=1) / second.size
    return float(stats.norm.ppf((1 + _LEVEL) / 2)) * math.sqrt(variance)


_FINAL = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u2019\u201d)\]]*\s*$")
"""A sentence's end, Chinese and Japanese full stops included, perhaps inside quotation marks or brackets."""
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*+•·]|\d{1,3}[.)])[ \t]", re.MULTILINE)
_QUOTES = re.compile(r"[\"\u201c-\u201f\u00ab\u00bb\u2018]|(?<!\w)['\u2019]|['\u2019](?!\w)")
_MARKUP = re.compile(r"[*_#`~|<>\[\]{}]")
_WORD = re.compile(r"\w+")
_REPLACEMENT = "\ufffd"
_GRAM = 3


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _unprintable(text: str) -> float:
    return sum(
        not character.isprintable() or character == _REPLACEMENT or unicodedata.category(character) == "Zs"
        for character in text
        if character not in " \n\t"
    )


def _capitals(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    return sum(map(str.isupper, letters)) / len(letters) if letters else 0.0


def word_repetition(text: str) -> float:
    """Return the share of runs of three words that occurred before: 0 for none, near 1 for a loop."""
    words = _words(text)
    grams = list(zip(*(words[start:] for start in range(_GRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


FORMS: dict[TextCue, Callable[[str], float]] = {
    "length in characters": len,
    "length in words": lambda text: len(_words(text)),
    "leading white space": lambda text: len(text) - len(text.lstrip()),
    "trailing white space": lambda text: len(text) - len(text.rstrip()),
    "unprintable or odd characters": _unprintable,
    "characters beyond ASCII": lambda text: sum(not character.isascii() for character in text),
    "cut off (no final punctuation)": lambda text: _FINAL.search(text) is None,
    "line breaks": lambda text: text.count("\n"),
    "lines of a list": lambda text: len(_LIST_LINE.findall(text)),
    "quotation marks": lambda text: len(_QUOTES.findall(text)),
    "Markdown and brackets": lambda text: len(_MARKUP.findall(text)),
    "digits": lambda text: sum(map(str.isdigit, text)),
    "share of capitals": _capitals,
    "repetition": word_repetition,
}
"""Functions that measure the form of a text as raters see it, by their names in the audit.

Where Markdown is rendered, `count_shown_forms` adds its headings, lists and so on; where reasoning is folded
or shown, whether a text has any.
"""


_N_ORDERS = 300
_MAX_BOOKLETS = 400
"""The interval and p value are precise enough with these."""


def separate_neighbours(
    audited: AuditedPublication, pair: tuple[str, str], rng: np.random.Generator
) -> Separation | None:
    """Compare the number of changes of arm from text to text with its distribution by chance.

    None where booklets are too short for an estimate.
    """
    prompts = {item.id: item.declared for item in audited.items}
    booklets = []
    for booklet in audited.booklets[:_MAX_BOOKLETS]:
        left = [item_ids[0] for _, item_ids in audited.completions_in(booklet)]
        own = [item_id for item_id in left if audited.arms[item_id] in pair]
        is_first = np.array([audited.arms[item_id] == pair[0] for item_id in own])
        groups = defaultdict(list)
        for place, item_id in enumerate(own):
            groups[prompts[item_id]].append(place)
        if len(own) > 2:
            booklets.append((is_first, [np.array(places) for places in groups.values()]))
    if not booklets:
        return None
    seen = np.array([float((is_first[1:] != is_first[:-1]).mean()) for is_first, _ in booklets])
    chance = np.array([_by_chance(is_first, groups, rng) for is_first, groups in booklets])
    excess = seen - chance.mean(axis=1)
    spread = float(chance.mean(axis=0).std(ddof=1))
    mean = float(excess.mean())
    half = float(stats.norm.ppf(0.975)) * spread
    z = mean / spread if spread > 0 else 0.0
    auc = min(1.0, max(0.0, 0.5 + mean))
    return Separation(auc, max(0.0, auc - half), min(1.0, auc + half), float(2 * stats.norm.sf(abs(z))))


def _by_chance(
    is_first: NDArray[np.bool_], groups: list[NDArray[np.intp]], rng: np.random.Generator
) -> NDArray[np.float64]:
    orders = np.tile(is_first, (_N_ORDERS, 1))
    for places in groups:
        orders[:, places] = rng.permuted(orders[:, places], axis=1)
    changes: NDArray[np.float64] = (orders[:, 1:] != orders[:, :-1]).mean(axis=1)
    return changes


class _Measured(NamedTuple):
    """One number per text, with the text's arm and the stratum within which it is compared."""

    name: str
    kind: CueKind
    values: NDArray[np.float64]
    arms: NDArray[np.str_]
    stratum: NDArray[np.intp]


def measure_cues(
    audited: AuditedPublication, skeletons: Mapping[str, str], rng: np.random.Generator
) -> list[Cue]:
    """Measure every cue for every pair of arms; p values are adjusted for all of them.

    ``skeletons`` are the pages' structures by item id, as far as they were seen; ``rng`` draws the orders
    that a booklet's is compared with.
    """
    found: list[tuple[str, CueKind, tuple[str, str], Separation]] = []
    measured = [
        *_by_item(audited),
        *_by_page(audited, skeletons),
        _by_place("position in the booklet", audited, lambda position, _: position),
    ]
    if audited.published.protocol.n_texts > 1:
        measured.append(_by_place("place among the texts of a trial", audited, lambda _, place: place))
    contrast = audited.study.contrast
    others = [pair for pair in combinations(audited.study.arm_names, 2) if set(pair) != set(contrast)]
    for first, second in [contrast, *others]:
        for cue in measured:
            of_pair = (cue.arms == first) | (cue.arms == second)
            separation = separate(cue.values[of_pair], (cue.arms == first)[of_pair], cue.stratum[of_pair])
            if separation is not None:
                found.append((cue.name, cue.kind, (first, second), separation))
        neighbours = separate_neighbours(audited, (first, second), rng)
        if neighbours is not None:
            found.append(("arm of the text before", "assignment", (first, second), neighbours))
    adjusted = holm([separation.p for *_, separation in found])
    return [
        Cue(name, kind, *pair, auc=s.auc, low=s.low, high=s.high, p=p)
        for (name, kind, pair, s), p in zip(found, adjusted, strict=True)
    ]


def _by_item(audited: AuditedPublication) -> Iterator[_Measured]:
    items = audited.rated
    arms = np.array([audited.arms[item.id] for item in items])
    prompts = {prompt: index for index, prompt in enumerate(dict.fromkeys(item.declared for item in items))}
    stratum = np.array([prompts[item.declared] for item in items], dtype=np.intp)
    by_id = {item.id: rank for rank, item in enumerate(sorted(items, key=lambda item: item.id))}
    n_assigned = Counter(
        item_id
        for booklet in audited.booklets
        for _, item_ids in audited.completions_in(booklet)
        for item_id in item_ids
    )
    assignment: dict[str, list[float]] = {
        "order of ids": [by_id[item.id] for item in items],
        "order of rows": list(range(len(items))),
        "times assigned": [n_assigned[item.id] for item in items],
    }
    protocol = audited.published.protocol
    seen = [visible_text(protocol, item.text) for item in items]
    forms = {str(name): [float(form(text)) for text in seen] for name, form in FORMS.items()}
    rendered = [count_shown_forms(protocol, item.text) for item in items]
    forms |= {name: [float(counts[name]) for counts in rendered] for name in rendered[0]}
    for name, values in assignment.items():
        yield _Measured(name, "assignment", np.array(values, dtype=float), arms, stratum)
    for name, values in forms.items():
        yield _Measured(name, "form", np.array(values, dtype=float), arms, stratum)


def _by_page(audited: AuditedPublication, skeletons: Mapping[str, str]) -> Iterator[_Measured]:
    """Measure the structure of each page seen; rarer structures have larger values."""
    items = [item for item in audited.rated if item.id in skeletons]
    if not items:
        return
    counts = Counter(skeletons[item.id] for item in items)
    rank = {skeleton: place for place, (skeleton, _) in enumerate(counts.most_common())}
    arms = np.array([audited.arms[item.id] for item in items])
    values = np.array([rank[skeletons[item.id]] for item in items], dtype=float)
    yield _Measured("markup of its page", "assignment", values, arms, np.zeros(len(items), dtype=np.intp))


def _by_place(name: str, audited: AuditedPublication, place: Callable[[int, int], int]) -> _Measured:
    """Measure each text's place in its booklet, compared within booklets."""
    places: dict[str, list[float | int | str]] = defaultdict(list)
    for number, booklet in enumerate(audited.booklets):
        for position, item_ids in audited.completions_in(booklet):
            for number_in_trial, item_id in enumerate(item_ids):
                places["value"].append(place(position, number_in_trial))
                places["arm"].append(audited.arms[item_id])
                places["booklet"].append(number)
    return _Measured(
        name,
        "assignment",
        np.array(places["value"], dtype=float),
        np.array(places["arm"]),
        np.array(places["booklet"], dtype=np.intp),
    )
