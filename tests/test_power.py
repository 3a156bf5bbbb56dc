"""Plan a study's size with its own booklets."""

import pytest

from rater.errors import StudyError
from rater.power import default_points, plan_power, power_as_planned
from rater.study.study import Study


def test_the_default_difference_is_an_eighth_of_the_scale(study: Study) -> None:
    assert default_points(study) == 0.5


def test_more_raters_and_prompts_find_more(study: Study) -> None:
    plan = plan_power(study, 1.0, n_simulations=60)

    shares = {(size.n_raters, size.n_prompts): size.power.share for size in plan.sizes}
    assert sorted(shares) == [(r, p) for r in (3, 6, 12, 24) for p in (2, 4, 8, 12)]
    assert shares[24, 12] > shares[3, 2]
    assert shares[24, 12] > 0.9
    cheapest = plan.cheapest[0.8]
    assert cheapest is not None
    assert cheapest.power.share >= 0.8


def test_the_same_seed_gives_the_same_power(study: Study) -> None:
    assert power_as_planned(study, 1.0, n_simulations=50) == power_as_planned(study, 1.0, n_simulations=50)


def test_a_difference_larger_than_the_scale_is_refused(study: Study) -> None:
    with pytest.raises(StudyError, match="A difference of 6 points is too large for a scale of 5"):
        power_as_planned(study, 6, n_simulations=50)


def test_each_rater_of_a_small_booklet_needs_only_its_own_prompts(study: Study) -> None:
    small = Study.model_validate({**study.model_dump(), "plan": {"raters": 8, "items_per_rater": 4}})

    assert 0 <= power_as_planned(small, 1.0, n_simulations=50).share <= 1
