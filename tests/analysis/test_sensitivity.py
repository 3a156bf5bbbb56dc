from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from rater.analysis.planned import Planned
from rater.analysis.ratings import Ratings, select_ratings
from rater.analysis.sensitivity import PowerCurve, power_curve


def of_data_a(load: Callable[[str], pd.DataFrame]) -> Ratings:
    frame = load("a")
    return select_ratings(
        frame[frame["rater"].isin(["r01", "r02", "r03", "r04"])], ("steered", "unsteered"), "happiness"
    )


def curve_of(ratings: Ratings, planned: Planned) -> PowerCurve | None:
    return power_curve(ratings, planned, planned.in_order[0], rng=np.random.default_rng(0))


def test_larger_differences_are_found_more_often(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    curve = curve_of(of_data_a(load), planned)

    assert curve is not None
    shares = [point.power.share for point in curve.points]
    assert curve.points[0].points == 0
    assert shares[0] <= 0.08
    assert shares[-1] > 0.6
    assert shares[-1] > shares[2] > shares[0]
    assert (curve.n.raters, curve.n.prompts) == (4, 10)


def test_answers_themselves_do_not_enter(load: Callable[[str], pd.DataFrame], planned: Planned) -> None:
    ratings = of_data_a(load)

    assert curve_of(ratings, planned) == curve_of(replace(ratings, answer=ratings.answer[::-1]), planned)


def test_no_curve_is_drawn_for_another_test_than_the_planned_one(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    assert curve_of(of_data_a(load), replace(planned, scope="raters")) is None
