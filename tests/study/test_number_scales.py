import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rater import Likert, Slider


def test_a_scale_says_what_its_points_mean() -> None:
    scale = Likert(points=4, low="not at all", high="very", labels={3: "rather"})

    assert [choice.label for choice in scale.choices] == ["not at all", "", "rather", "very"]


def test_equal_scales_hash_equally_in_whatever_order_their_labels_were_written() -> None:
    one = Likert(low="a", high="b", labels={2: "x", 3: "y"})
    other = Likert(low="a", high="b", labels={3: "y", 2: "x"})

    assert one == other
    assert hash(one) == hash(other)


@given(st.integers(-50, 50), st.integers(1, 40), st.sampled_from([0.01, 0.1, 0.25, 1, 5]))
def test_a_slider_holds_each_of_its_steps(minimum: int, n_steps: int, step: float) -> None:
    slider = Slider(low="a", high="b", minimum=minimum, maximum=minimum + n_steps * step, step=step)

    assert all(slider.is_valid(round(minimum + n * step, 10)) for n in range(n_steps + 1))


def test_a_step_that_does_not_reach_the_end_is_refused() -> None:
    with pytest.raises(ValidationError, match="step is 3, which does not divide the range from 0 to 100"):
        Slider(low="a", high="b", step=3)


def test_points_may_begin_at_0_or_below_and_keep_labels_by_their_number() -> None:
    scale = Likert(points=3, first=-1, low="sad", high="happy", labels={0: "neither"})

    assert [choice.numbered_label for choice in scale.choices] == ["−1 sad", "0 neither", "1 happy"]
    assert (scale.lowest, scale.highest, scale.parse("-1"), scale.parse("2")) == (-1, 1, -1, None)


@pytest.mark.parametrize(
    ("point", "points", "valid"),
    [(-1, 3, "points between the ends, 0 to 0"), (2, 3, "points between the ends, 0 to 0"), (0, 2, "none")],
)
def test_a_label_of_an_end_or_of_no_point_is_refused(point: int, points: int, valid: str) -> None:
    with pytest.raises(ValidationError, match=f"labels has {point}; valid: {valid}"):
        Likert(points=points, first=-1, low="a", high="b", labels={point: "x"})
