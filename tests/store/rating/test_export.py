from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from rater.store.rating.export import (
    answer_table,
    columns,
    mask_answers,
    mask_guesses,
    masked_id,
    rank_meanings,
)
from rater.store.rating.frame import AnswerRow, GuessRow
from rater.study.dimension import Dimension
from rater.study.label_choice import Choose, shuffled_places
from rater.study.protocol import Protocol
from rater.study.scales import BestWorst, OddOneOut
from rater.study.visit import GuessChoice

AT = datetime(2026, 4, 1, tzinfo=UTC)


def answer(rater: str, *items: str, position: int = 1) -> AnswerRow:
    return AnswerRow(
        rater_id=rater,
        item_ids=items,
        prompt="The rain",
        fields={},
        dimension="happiness",
        position=position,
        answer=3.0,
        not_applicable=False,
        confidence=None,
        comment=None,
        is_repeat=position > 1,
        n_revisions=1,
        shown_ms=1_000,
        first_render_ms=10,
        hidden_ms=0,
        answered_at=AT,
        first_answered_at=AT,
    )


def test_each_rater_has_an_id_of_their_own_for_a_text() -> None:
    rows = mask_answers([answer("ada", "i"), answer("bob", "i"), answer("bob", "j")])

    assert set(Counter(row.item_ids for row in rows).values()) == {1}


def test_a_repeat_and_a_guess_have_the_id_of_the_first_showing_in_every_export() -> None:
    rows = [answer("ada", "i"), answer("ada", "i", position=9)]

    once, again = mask_answers(rows), mask_answers(rows)
    (guess, of_all) = mask_guesses(
        [GuessRow("ada", "i", GuessChoice.FIRST), GuessRow("ada", None, GuessChoice.UNSURE)]
    )

    assert once == again
    assert {row.item_ids for row in once} == {(guess.item_id,)} == {(masked_id("ada", "i"),)}
    assert of_all.item_id is None


def test_all_texts_of_a_trial_are_masked_and_keep_their_places() -> None:
    left, turned = mask_answers([answer("ada", "i", "j"), answer("ada", "j", "i")])

    assert left.item_ids == turned.item_ids[::-1]
    assert not {"i", "j"} & set(left.item_ids)


def test_each_field_of_the_items_has_a_column_after_the_others(protocol: Protocol) -> None:
    with_fields = replace(answer("ada", "i"), fields={"task": "Tell a story", "concept": "love"})

    table = answer_table([with_fields], protocol)

    assert table.columns == (*columns(1), "concept", "task")
    assert table.rows[0][-2:] == ("love", "Tell a story")
    assert answer_table([answer("ada", "i")], protocol).columns == columns(1)


def test_an_order_of_texts_has_a_column_with_the_rank_of_each_text(protocol: Protocol) -> None:
    scale = BestWorst(texts=3, best="happiest", worst="saddest")
    dimension = protocol.dimensions[0].model_copy(update={"scale": scale})
    shown = protocol.model_copy(update={"dimensions": (dimension,)})
    given = replace(answer("ada", "i", "j", "k"), answer=31.0)

    table = answer_table([given, replace(given, answer=None)], shown)

    assert table.columns[-3:] == ("rank", "other_rank", "other_rank_2")
    assert [row[-3:] for row in table.rows] == [(3, None, 1), (None, None, None)]
    assert list(rank_meanings(3)) == list(table.columns[-3:])


def test_an_odd_one_out_trial_has_its_place_as_the_answer_and_no_ranks(protocol: Protocol) -> None:
    dimension = protocol.dimensions[0].model_copy(update={"scale": OddOneOut()})
    shown = protocol.model_copy(update={"dimensions": (dimension,)})

    table = answer_table([replace(answer("ada", "i", "j", "k"), answer=3.0)], shown)

    assert table.columns == columns(3, has_ranks=False)
    assert "rank" not in table.columns
    assert table.rows[0][table.columns.index("answer")] == 3.0


def test_a_choice_among_labels_has_its_label_and_the_order_shown(protocol: Protocol) -> None:
    scale = Choose(options=("love", "anger"), none="none")
    dimension = Dimension(name="happiness", question="Which?", scale=scale)
    shown = protocol.model_copy(update={"dimensions": (dimension,)})
    rows = [replace(answer("ada", "i"), answer=value) for value in (2.0, 0.0, None)]

    table = answer_table(rows, shown)

    assert table.columns == (*columns(1), "chosen", "options")
    order = [scale.labels[place] for place in shuffled_places("ada", 2)]
    assert [row[-2:] for row in table.rows] == [
        (chosen, " | ".join([*order, "none"])) for chosen in ("anger", "none", None)
    ]
