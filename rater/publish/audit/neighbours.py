"""Ask whether the text before tells the next one's arm: texts that alternate, or come in blocks.

A rater who has guessed one text's arm could then guess the next. What chance gives is found by swapping, in
each booklet, the arms among the texts of each prompt, which is all that chance decides once the order of the
prompts stands.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.publish.audit.separation import Separation
from rater.publish.audit.subject import AuditedPublication

_N_ORDERS = 300
_MOST_BOOKLETS = 400
"""More would only make certain what is certain."""


def separate_neighbours(
    audited: AuditedPublication, pair: tuple[str, str], rng: np.random.Generator
) -> Separation | None:
    """Compare how often the arm changes from text to text with what chance gives; above 0.5 is too often.

    None where booklets are too short to say.
    """
    prompts = {item.id: item.prompt for item in audited.items}
    booklets = []
    for booklet in audited.booklets[:_MOST_BOOKLETS]:
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
    seen = np.array([_changes(is_first) for is_first, _ in booklets])
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


def _changes(is_first: NDArray[np.bool_]) -> float:
    return float((is_first[1:] != is_first[:-1]).mean())
