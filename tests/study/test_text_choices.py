from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rater import Dimension, OddOneOut, Pairwise, Practice, Ranking, Sampling, Study


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


def test_an_odd_one_out_answer_is_a_place_and_its_score_is_whether_a_text_was_chosen() -> None:
    scale = OddOneOut()

    assert [(choice.value, choice.label, choice.key) for choice in scale.choices] == [
        (1, "A", "a"), (2, "B", "b"), (3, "C", "c"),
    ]  # fmt: skip
    assert (scale.n_texts, scale.has_odd_text, scale.ranks) == (3, True, [])
    assert [scale.score(2.0, place) for place in range(3)] == [0.0, 1.0, 0.0]
    assert (scale.parse("3"), scale.parse("4"), scale.is_valid(0)) == (3, None, False)
    assert scale.scored.chance == pytest.approx(1 / 3)


@pytest.mark.parametrize(("ends", "words"), [((1, 2), "answers have no order"), ((4, 4), "valid: 1 to 3")])
def test_a_check_of_odd_one_out_has_one_correct_place(
    declare: Callable[..., Study], ends: tuple[float, float], words: str
) -> None:
    odd = Dimension(name="odd", question="Which differs?", scale=OddOneOut())
    practice = Practice(prompt="We", text=" ran.", other_texts=(" ran.", " slept."), accepted={"odd": ends})

    with pytest.raises(ValidationError, match=words):
        declare(dimensions=[odd], practice=[practice], sampling=Sampling(samples_per_prompt=3))


def test_odd_one_out_does_not_go_with_texts_that_are_each_of_another_arm(
    declare: Callable[..., Study],
) -> None:
    odd = Dimension(name="odd", question="Which differs?", scale=OddOneOut())
    ranks = Dimension(name="mood", question="Rank", scale=Ranking(texts=3, top="best", bottom="worst"))

    with pytest.raises(ValidationError, match=r"mix OddOneOut\(…\)"):
        declare(dimensions=[odd, ranks])
