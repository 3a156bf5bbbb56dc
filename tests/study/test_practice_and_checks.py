import pytest

from rater.study.practice_and_checks import Practice, mark

HAPPY = Practice(prompt="I", text=" won.", accepted={"happiness": (4, 5)})
BOTH = Practice(prompt="I", text=" lost.", accepted={"happiness": (1, 2), "fluency": (3, 5)})
FREE = Practice(prompt="I", text=" ate.")


@pytest.mark.parametrize(
    ("answered", "needed", "expected"),
    [
        ([{"happiness": 4, "fluency": 1}, {"happiness": 2, "fluency": 3}, {"happiness": 1}], 2, (2, 2, True)),
        (
            [{"happiness": 3, "fluency": 1}, {"happiness": 2, "fluency": 3}, {"happiness": 1}],
            2,
            (1, 2, False),
        ),
        ([{"happiness": 4, "fluency": 1}, {"happiness": 2, "fluency": 2}, {"happiness": 1}], 1, (1, 1, True)),
        ([{"happiness": None}, {"happiness": None}, {"happiness": None}], 1, (0, 1, False)),
        ([{"happiness": None}, {"happiness": None}, {"happiness": None}], None, (0, 0, True)),
        ([{"fluency": 1}, {"fluency": 3}, {"fluency": 1}], 2, (1, 1, True)),  # one text marks fluency
    ],
)
def test_marking_counts_right_answers_among_texts_with_a_right_answer(
    answered: list[dict[str, float | None]], needed: int | None, expected: tuple[int, int, bool]
) -> None:
    found = mark((HAPPY, BOTH, FREE), answered, needed=needed)

    assert (found.n_right, found.n_needed, found.has_passed) == expected
