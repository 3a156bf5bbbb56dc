"""Best–worst choices and rankings of several texts."""

import pytest
from pydantic import ValidationError

from rater import BestWorst, Ranking

BEST_WORST = BestWorst(texts=4, best="happiest", worst="least happy")
RANKING = Ranking(texts=3, top="happiest", bottom="least happy")


def test_a_best_worst_answer_names_two_different_places_of_those_shown() -> None:
    assert [value for value in range(100) if BEST_WORST.is_valid(value)] == [
        10 * best + worst for best in range(1, 5) for worst in range(1, 5) if best != worst
    ]
    assert not BEST_WORST.is_valid(31.5)
    assert list(BEST_WORST.all_answers) == [value for value in range(100) if BEST_WORST.is_valid(value)]
    assert (BEST_WORST.lowest, BEST_WORST.highest) == (12, 43)


def test_a_ranking_names_every_place_once() -> None:
    assert [value for value in range(1000) if RANKING.is_valid(value)] == [123, 132, 213, 231, 312, 321]
    assert (RANKING.lowest, RANKING.highest) == (123, 321)
    assert len(Ranking(texts=6, top="a", bottom="b").all_answers) == 720


def test_an_answer_is_read_from_digits_or_letters() -> None:
    assert BEST_WORST.parse("31") == BEST_WORST.parse("CA") == BEST_WORST.parse("c a") == 31
    assert RANKING.parse("bca") == 231
    assert [BEST_WORST.parse(each) for each in ("33", "cc", "3", "51", "e1", "", "-31", "3.1", "٣١")] == [
        None
    ] * 9


def test_the_texts_of_a_best_worst_answer_score_one_minus_one_and_zero() -> None:
    assert [BEST_WORST.score(31, place) for place in range(4)] == [-1, 0, 1, 0]
    assert [BEST_WORST.rank(31, place) for place in range(4)] == [4, None, 1, None]


def test_the_texts_of_a_ranking_score_evenly_from_one_to_minus_one() -> None:
    scale = Ranking(texts=5, top="a", bottom="b")

    assert [scale.score(25134, place) for place in range(5)] == [0, 1, -0.5, -1, 0.5]
    assert [scale.rank(25134, place) for place in range(5)] == [3, 1, 4, 5, 2]


def test_an_order_of_the_texts_gives_the_answer_that_a_rater_with_it_gives() -> None:
    assert BEST_WORST.answer_from([2, 1, 3, 0]) == 31
    assert RANKING.answer_from([1, 2, 0]) == 231


def test_answers_and_scales_are_named_by_letters_and_labels() -> None:
    assert BEST_WORST.name_value(31) == "C happiest, A least happy"
    assert RANKING.name_value(231) == "B, C, A"
    assert list(BEST_WORST.ranks) == ["happiest", "least happy"]
    assert list(RANKING.ranks) == ["1 happiest", "2", "3 least happy"]
    assert "happiest" in BEST_WORST.describe()
    assert "43" not in BEST_WORST.describe_values()
    assert "41" in BEST_WORST.describe_values()
    assert "321" in RANKING.describe_values()


def test_scores_have_a_scale_of_their_own() -> None:
    scores = BEST_WORST.scored

    assert (scores.lowest, scores.highest, scores.n_texts) == (-1, 1, 1)
    assert "0 for the others" in scores.describe_values()
    assert "evenly spaced" in RANKING.scored.describe_values()


@pytest.mark.parametrize("texts", [2, 7])
def test_three_to_six_texts_can_be_shown(texts: int) -> None:
    with pytest.raises(ValidationError) as refused:
        BestWorst(texts=texts, best="a", worst="b")

    assert refused.value.errors()[0]["loc"] == ("texts",)


def test_an_answer_takes_longer_the_more_ranks_it_gives() -> None:
    assert Ranking(texts=6, top="a", bottom="b").seconds_per_answer > BEST_WORST.seconds_per_answer
