from rater import Pairwise


def test_a_choice_between_two_texts_runs_from_strongly_left_to_strongly_right() -> None:
    scale = Pairwise(tie="no difference", degrees=("slightly", "clearly"))

    assert [(choice.value, choice.label) for choice in scale.choices] == [
        (-2, "A, clearly"),
        (-1, "A, slightly"),
        (0, "no difference"),
        (1, "B, slightly"),
        (2, "B, clearly"),
    ]


def test_without_a_tie_one_of_two_must_be_chosen() -> None:
    scale = Pairwise()

    assert [choice.value for choice in scale.choices] == [-1, 1]
    assert not scale.is_valid(0)
