"""Try to tell arms apart by what is not meaning: how texts were dealt, and what they look like."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rater.publish.audit.findings import Cue, CueKind
from rater.publish.audit.forms import FORMS
from rater.publish.audit.neighbours import separate_neighbours
from rater.publish.audit.separation import Separation, holm, separate
from rater.publish.audit.subject import AuditedPublication


class _Measured(NamedTuple):
    """One number for each of some texts, each with its arm, and the stratum that it is compared within."""

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
    if audited.published.protocol.is_pairwise:
        measured.append(_by_place("side of the pair", audited, lambda _, side: side))
    for first, second in _pairs(audited):
        for cue in measured:
            of_pair = (cue.arms == first) | (cue.arms == second)
            separation = separate(cue.values[of_pair], (cue.arms == first)[of_pair], cue.stratum[of_pair])
            if separation is not None:
                found.append((cue.name, cue.kind, (first, second), separation))
        neighbours = separate_neighbours(audited, (first, second), rng)
        if neighbours is not None:
            found.append(("arm of the text before", "dealing", (first, second), neighbours))
    adjusted = holm([separation.p for *_, separation in found])
    return [
        Cue(name, kind, *pair, auc=s.auc, low=s.low, high=s.high, p=p)
        for (name, kind, pair, s), p in zip(found, adjusted, strict=True)
    ]


def _pairs(audited: AuditedPublication) -> list[tuple[str, str]]:
    """List the pairs of arms, the study's contrast first and in its direction."""
    contrast = audited.study.contrast
    rest = [pair for pair in combinations(audited.study.arm_names, 2) if set(pair) != set(contrast)]
    return [contrast, *rest]


def _by_item(audited: AuditedPublication) -> Iterator[_Measured]:
    items = audited.rated
    arms = np.array([audited.arms[item.id] for item in items])
    prompts = {prompt: index for index, prompt in enumerate(dict.fromkeys(item.prompt for item in items))}
    stratum = np.array([prompts[item.prompt] for item in items], dtype=np.intp)
    by_id = {item.id: rank for rank, item in enumerate(sorted(items, key=lambda item: item.id))}
    dealt = Counter(
        item_id
        for booklet in audited.booklets
        for _, item_ids in audited.completions_in(booklet)
        for item_id in item_ids
    )
    dealing: dict[str, list[float]] = {
        "order of ids": [by_id[item.id] for item in items],
        "order of rows": list(range(len(items))),
        "times dealt": [dealt[item.id] for item in items],
    }
    forms = {name: [float(form(item.text)) for item in items] for name, form in FORMS.items()}
    for name, values in dealing.items():
        yield _Measured(name, "dealing", np.array(values, dtype=float), arms, stratum)
    for name, values in forms.items():
        yield _Measured(name, "form", np.array(values, dtype=float), arms, stratum)


def _by_page(audited: AuditedPublication, skeletons: Mapping[str, str]) -> Iterator[_Measured]:
    """Compare the structures of the pages seen: the rarer one counts for more."""
    items = [item for item in audited.rated if item.id in skeletons]
    if not items:
        return
    counts = Counter(skeletons[item.id] for item in items)
    rank = {skeleton: place for place, (skeleton, _) in enumerate(counts.most_common())}
    arms = np.array([audited.arms[item.id] for item in items])
    values = np.array([rank[skeletons[item.id]] for item in items], dtype=float)
    yield _Measured("markup of its page", "dealing", values, arms, np.zeros(len(items), dtype=np.intp))


def _by_place(name: str, audited: AuditedPublication, place: Callable[[int, int], int]) -> _Measured:
    """Take where each text stands in its booklet, compared within booklets."""
    places: dict[str, list[float | int | str]] = defaultdict(list)
    for number, booklet in enumerate(audited.booklets):
        for position, item_ids in audited.completions_in(booklet):
            for side, item_id in enumerate(item_ids):
                places["value"].append(place(position, side))
                places["arm"].append(audited.arms[item_id])
                places["booklet"].append(number)
    return _Measured(
        name,
        "dealing",
        np.array(places["value"], dtype=float),
        np.array(places["arm"]),
        np.array(places["booklet"], dtype=np.intp),
    )
