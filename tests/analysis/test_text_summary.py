import numpy as np
import pandas as pd
import pytest

from rater.analysis.agreement import Agreement
from rater.analysis.read_ratings import read
from rater.analysis.results import Estimate
from rater.analysis.text_summary import summarise_texts

POINTS = [1.0, 2.0, 3.0]


def frame(*rows: tuple[str, str, float | None]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["rater", "item", "answer"])
    return read(made.assign(prompt="p", arm="texts", dimension="answer", cannot_judge=made["answer"].isna()))


def test_answers_are_summarised_by_rater_and_point() -> None:
    rows = frame(("a", "1", 1), ("a", "2", 3), ("a", "3", None), ("b", "1", 2), ("b", "2", 3))

    found = summarise_texts(rows, POINTS, rng=np.random.default_rng(0))

    assert (found.n_texts, found.n_not_judged) == (2, 1)
    assert [(each.rater, each.n, each.mean, each.median) for each in found.raters] == [
        ("a", 2, 2.0, 2.0),
        ("b", 2, 2.5, 2.5),
    ]
    assert found.everyone.sd == pytest.approx(0.9574271)  # sd(c(1, 3, 2, 3))
    assert found.counts == ((1.0, 1), (2.0, 1), (3.0, 2))


def test_agreement_needs_two_raters() -> None:
    one = summarise_texts(frame(("a", "1", 1), ("a", "2", 3)), POINTS, rng=np.random.default_rng(0))
    rows = frame(("a", "1", 1), ("a", "2", 3), ("b", "1", 1), ("b", "2", 3))
    two = summarise_texts(rows, POINTS, rng=np.random.default_rng(0))

    assert one.agreement is None
    assert isinstance(two.agreement, Agreement)
    assert isinstance(two.agreement.krippendorff_ordinal, Estimate)
    assert two.agreement.krippendorff_ordinal.estimate == pytest.approx(1)


def test_a_single_answer_has_no_standard_deviation() -> None:
    found = summarise_texts(frame(("a", "1", 2)), (), rng=np.random.default_rng(0))

    assert found.everyone.sd is None
    assert found.counts == ()
