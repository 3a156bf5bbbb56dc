from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.quality import rate_raters, retest

Load = Callable[[str], pd.DataFrame]


def rows(**given: list[float]) -> pd.DataFrame:
    """A frame from one list of answers for each rater, in the order shown."""
    return pd.DataFrame(
        [
            {
                "rater": rater,
                "item": f"i{number}",
                "prompt": "p",
                "dimension": "happiness",
                "answer": answer,
                "position": number,
                "shown_ms": 1000.0 * (number + 1) ** 2,
            }
            for rater, answers in given.items()
            for number, answer in enumerate(answers)
        ]
    )


@pytest.mark.parametrize("letter", ["a", "c"])
def test_agreement_with_the_others_is_rs_spearman(load: Load, reference: dict[str, Any], letter: str) -> None:
    """R: cor(answers, mean of the others' answers to the same items, method = "spearman")."""
    ours = {each.rater: each.agreement for each in rate_raters(load(letter), "happiness", 5)}

    assert ours == pytest.approx(reference[letter]["agreement"]["loo_spearman"], abs=1e-9)


def test_a_rater_is_described_by_level_spread_runs_and_time() -> None:
    strict, mild = rate_raters(rows(a=[1, 1, 1, 2], b=[3, 3, 3, 4]), "happiness", 5)

    assert (strict.rater, strict.n, strict.mean, strict.points_used) == ("a", 4, 1.25, 2)
    assert (strict.severity, mild.severity) == (-2.0, 2.0)
    assert strict.sd == pytest.approx(0.5)
    assert strict.entropy == pytest.approx(0.8112781)
    assert strict.longest_run == 3
    assert strict.median_s == 6.5
    assert strict.agreement == pytest.approx(1.0)


def test_a_straight_liner_has_no_entropy_one_run_and_no_correlation() -> None:
    liner, _ = rate_raters(rows(a=[3, 3, 3, 3], b=[1, 4, 2, 5]), "happiness", 5)

    assert (liner.entropy, liner.longest_run, liner.points_used) == (0.0, 4, 1)
    assert liner.agreement is None


def test_without_times_and_order_nothing_is_made_up() -> None:
    (one,) = rate_raters(rows(a=[2]).drop(columns=["position", "shown_ms"]), "happiness", 5)

    assert (one.longest_run, one.median_s, one.sd, one.severity) == (None, None, None, None)


def test_a_run_does_not_go_on_into_the_next_rater() -> None:
    qualities = rate_raters(rows(a=[1, 3, 3], b=[3, 3, 1]), "happiness", 5)

    assert [each.longest_run for each in qualities] == [2, 2]


def test_quality_is_blind_to_the_arms(load: Load) -> None:
    frame = load("a")
    shuffled = frame.assign(arm=np.random.default_rng(0).permutation(frame["arm"]))

    seen = [rate_raters(each, "happiness", 5) for each in (frame, shuffled, frame.drop(columns="arm"))]

    assert seen[0] == seen[1] == seen[2]


def test_repeated_texts_tell_how_well_raters_repeat_themselves() -> None:
    """Kappa of (1, 1), (5, 5), (2, 4), (3, 3): 1 − 4/4 / (2.1875 + 2.1875 + .25) = 1 − 1 / 4.625."""
    first = rows(a=[1, 5], b=[2, 3])
    again = first.assign(position=first["position"] + 10, answer=[1.0, 5.0, 4.0, 3.0])

    found = retest(pd.concat([again, first]), "happiness")

    assert found is not None
    assert (found.n_pairs, found.n_raters, found.same) == (4, 2, 0.75)
    assert found.kappa == pytest.approx(1 - 1 / (2.1875 + 2.1875 + 0.25))


def test_without_repeated_texts_there_is_no_retest(load: Load) -> None:
    assert retest(rows(a=[1, 2]), "happiness") is None
    assert retest(load("e"), "happiness") is None
