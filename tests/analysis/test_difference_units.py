from rater.analysis.difference_units import PERCENTAGE_POINTS, DifferenceUnit


def test_a_share_is_written_in_percentage_points_and_a_difference_in_its_own_unit() -> None:
    assert PERCENTAGE_POINTS.write(0.25) == "25 percentage points"
    assert DifferenceUnit("scale points").write(0.5) == "0.5 scale points"


def test_only_scale_points_have_decimals_that_are_asked_for() -> None:
    assert PERCENTAGE_POINTS.write(0.256, 2) == "26 percentage points"
    assert DifferenceUnit("scale points").write(0.5, 2) == "0.50 scale points"
