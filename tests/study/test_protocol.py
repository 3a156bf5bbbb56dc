from rater import Likert


def test_a_scale_says_what_its_points_mean() -> None:
    scale = Likert(points=4, low="not at all", high="very", labels={3: "rather"})

    assert [scale.label(point) for point in (1, 2, 3, 4)] == ["not at all", "", "rather", "very"]


def test_equal_scales_hash_equally_in_whatever_order_their_labels_were_written() -> None:
    one = Likert(low="a", high="b", labels={2: "x", 3: "y"})
    other = Likert(low="a", high="b", labels={3: "y", 2: "x"})

    assert one == other
    assert hash(one) == hash(other)
