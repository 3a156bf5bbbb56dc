import pandas as pd

from rater.analysis.group_trials import (
    ArmCounts,
    PlaceCounts,
    chosen_places,
    count_groups,
    has_groups,
    trial_numbers,
)

# two trials of three texts, and one that could not be judged
FRAME = pd.DataFrame(
    [
        ("ada", 1, "a", 1, 1.0, False),
        ("ada", 1, "b", 2, -1.0, False),
        ("ada", 1, "c", 3, 0.0, False),
        ("ada", 2, "a", 3, 1.0, False),
        ("ada", 2, "b", 1, 0.0, False),
        ("ada", 2, "c", 2, -1.0, False),
        ("ben", 1, "a", 1, float("nan"), True),
        ("ben", 1, "b", 2, float("nan"), True),
        ("ben", 1, "c", 3, float("nan"), True),
    ],
    columns=["rater", "position", "arm", "place", "answer", "cannot_judge"],
).assign(dimension="happiness", prompt="We", item=lambda rows: rows["arm"], is_repeat=False)


def test_the_texts_of_a_trial_have_one_number() -> None:
    assert trial_numbers(FRAME).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert trial_numbers(FRAME.assign(trial=list("xxyxxyzzz"))).tolist() == [0, 0, 1, 0, 0, 1, 2, 2, 2]


def test_a_frame_of_single_texts_has_no_groups() -> None:
    assert has_groups(FRAME)
    assert not has_groups(FRAME.drop(columns="place"))


def test_the_answer_of_a_trial_is_the_place_of_the_text_put_first() -> None:
    assert chosen_places(FRAME)["answer"].tolist() == [1, 3]


def test_first_and_last_texts_are_counted_by_arm_and_place_without_those_that_were_not_judged() -> None:
    counts = count_groups(FRAME, "happiness")

    assert counts is not None
    assert (counts.n_trials, counts.n_together) == (2, 3)
    assert counts.arms == (ArmCounts("a", 2, 2, 0), ArmCounts("b", 2, 0, 1), ArmCounts("c", 2, 0, 1))
    assert [arm.best_minus_worst for arm in counts.arms] == [1, -0.5, -0.5]
    assert counts.places == (PlaceCounts(1, 2, 1, 0), PlaceCounts(2, 2, 0, 2), PlaceCounts(3, 2, 1, 0))


def test_without_answers_nothing_is_counted() -> None:
    assert count_groups(FRAME, "warmth") is None
