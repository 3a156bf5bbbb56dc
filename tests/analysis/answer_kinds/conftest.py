"""Small tables of answers of each kind, with a large difference between the arms."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from rater.study.dimension import Dimension
from rater.study.scales import (
    BestWorst,
    Choose,
    Likert,
    Number,
    OddOneOut,
    Pairwise,
    Ranking,
    Slider,
    StudyScale,
)

ARMS = ("steered", "unsteered")
LABELS = ("love", "anger", "sea")
SCALES: tuple[StudyScale, ...] = (
    Likert(low="not", high="very"),
    Slider(low="not", high="very"),
    Number(),
    Choose(options=LABELS),
    Pairwise(),
    BestWorst(texts=3, best="happiest", worst="saddest"),
    Ranking(texts=3, top="happiest", bottom="saddest"),
    OddOneOut(),
)
"""One of each scale that a study can declare."""


def dimension(scale: StudyScale) -> Dimension:
    return Dimension(name="happiness", question="Which?", scale=scale)


def _texts(answer: Callable[[int, np.random.Generator], float]) -> pd.DataFrame:
    """Return a row for each text of each arm, with an answer by the number of its arm from 0."""
    rng = np.random.default_rng(4)
    rows = [
        (f"r{rater}", f"p{prompt}", arm, f"p{prompt}-{arm}", answer(place, rng))
        for rater, prompt, (place, arm) in product(range(6), range(6), enumerate(ARMS))
    ]
    return pd.DataFrame(rows, columns=["rater", "prompt", "arm", "item", "answer"])


def _labels() -> pd.DataFrame:
    frame = _texts(lambda place, rng: float(rng.random() < (0.95 if place == 0 else 0.2)))
    chosen = np.where(frame["answer"] == 1, LABELS[0], LABELS[1])
    return frame.assign(chosen=chosen, target=LABELS[0])


def _pairs() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = _texts(lambda _, __: 0.0)
    pairs = frame[frame["arm"] == ARMS[0]].reset_index(drop=True)
    answer = np.where(rng.random(len(pairs)) < 0.95, 1.0, -1.0)
    return pairs.assign(answer=answer, other_arm=ARMS[1], other_item=pairs["prompt"] + "-" + ARMS[1])


def _orders() -> pd.DataFrame:
    rng, rows = np.random.default_rng(6), []
    for rater, prompt in product(range(6), range(6)):
        scores = 1.0 - np.argsort(np.argsort(-(rng.gumbel(size=3) + np.array([2.0, 0.0, 1.0]))))
        rows += [
            (f"r{rater}", f"p{prompt}", arm, f"p{prompt}-{arm}", prompt, place, float(score))
            for place, (arm, score) in enumerate(zip((*ARMS, "weak"), scores, strict=True), start=1)
        ]
    return pd.DataFrame(rows, columns=["rater", "prompt", "arm", "item", "position", "place", "answer"])


def _odd() -> pd.DataFrame:
    rng, rows = np.random.default_rng(7), []
    for rater, prompt in product(range(6), range(6)):
        odd, other = ARMS if prompt % 2 else ARMS[::-1]
        odd_place = 1 + prompt % 3
        chosen = odd_place if rng.random() < 0.85 else 1 + odd_place % 3
        items = (f"p{prompt}-{odd}", f"p{prompt}-{other}-1", f"p{prompt}-{other}-2")
        rows.append((f"r{rater}", f"p{prompt}", odd, other, *items, odd_place, chosen))
    texts = ["item", "other_item", "other_item_2"]
    columns = ["rater", "prompt", "arm", "other_arm", *texts, "odd_place", "chosen_place"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(answer=(frame["odd_place"] == frame["chosen_place"]).astype(float))


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "ratings": lambda: _texts(lambda place, rng: float(rng.integers(1, 4) + (2 if place == 0 else 0))),
    "label_choices": _labels,
    "preferences": _pairs,
    "orders": _orders,
    "odd_one_out": _odd,
}
"""The answers of each kind, with scores as a study has them."""


@pytest.fixture
def frame_of() -> Callable[[StudyScale], pd.DataFrame]:
    """Return the answers on a scale."""
    return lambda scale: FRAMES[scale.scored.analysed_as]().assign(dimension="happiness", is_repeat=False)
