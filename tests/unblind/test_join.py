from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from rater.analysis.primary import analyze
from rater.errors import StateError
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.rating.frame import AnswerRow
from rater.store.rating.schema import Comment, Guess, QuestionnaireAnswer, Rater
from rater.store.rating.trials import Judgement, TrialView
from rater.study.scales import Ranking
from rater.study.study import Study
from rater.study.visit import GuessChoice, LeavingReason
from rater.unblind import ANSWER_COLUMNS, permuted
from rater.unblind.join import TEXT_COLUMNS, join_answers, other_columns
from rater.unblind.verify_key import Opened
from rater.verify.study import verify_study
from tests.unblind.conftest import NOW, change, changed, look, publish, rate


def test_each_answer_gets_the_arm_that_made_its_text(rated: Study, sealed_url: str, rating_url: str) -> None:
    seen = look(sealed_url, rating_url, rated)

    assert list(seen.frame.columns) == list(ANSWER_COLUMNS)
    assert len(seen.frame) == 8
    assert set(seen.frame["answer"]) == {4.0}
    assert seen.frame.groupby("prompt")["arm"].agg(set).map(len).tolist() == [2, 2, 2, 2]
    with disposing(open_engine(sealed_url)) as sealed, reading(sealed) as session:
        made = session.execute(
            text("SELECT item_id, arm FROM key_entry JOIN completion ON completion_id = id")
        )
        arms = {row.item_id: row.arm for row in made}
    assert [arms[item] for item in seen.frame["item"]] == list(seen.frame["arm"])


def test_what_a_rater_gave_is_not_used_after_they_withdraw(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    stopped, withdrawn = (rate(rating_url, rated, n_trials=4) for _ in range(2))
    with disposing(open_engine(rating_url)) as rating, writing(rating) as session:
        for rater_id, why in ((stopped, LeavingReason.STOPPED), (withdrawn, LeavingReason.WITHDRAWN)):
            session.add(Guess(rater_id=rater_id, position=1, choice=GuessChoice.FIRST, guessed_at=NOW))
            session.add(Comment(rater_id=rater_id, text="a comment"))
            session.add(QuestionnaireAnswer(rater_id=rater_id, question="age", value="30.0"))
            session.flush()
            session.get_one(Rater, rater_id).left_at = NOW
            session.get_one(Rater, rater_id).left_why = why

    seen = look(sealed_url, rating_url, rated)

    for table in (seen.frame, seen.guesses, seen.comments, seen.assigned, seen.questionnaire):
        assert table is not None
        assert stopped in set(table["rater"])
        assert withdrawn not in set(table["rater"])
    assert dict(zip(seen.raters["rater"], seen.raters["left_why"], strict=True))[withdrawn] == "withdrawn"
    assert seen.n_withdrawn == 1
    assert not seen.asks_guesses
    assert seen.questionnaire["answer"].tolist() == [30.0]


def test_repeats_comments_times_and_what_cannot_be_judged_come_along(
    rich: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, rich).frame

    per_rater = frame.groupby("rater")["is_repeat"].sum()
    assert sorted(per_rater) == [0, 3, 3]
    assert frame.groupby(["rater", "item"])["arm"].nunique().max() == 1
    assert frame["answer"].isna().equals(frame["cannot_judge"])
    assert frame["cannot_judge"].any()
    assert set(frame["comment"].dropna()) == {"hm"}
    assert (frame["shown_ms"] - frame["hidden_ms"] - frame["first_render_ms"]).eq(880).all()


def test_what_was_assigned_and_not_answered_is_missing_by_arm(
    rich: Study, sealed_url: str, rating_url: str
) -> None:
    """16 texts a rater, repeats and the check left out; the third rater left after 7 trials."""
    seen = look(sealed_url, rating_url, rich)
    analysis = analyze(seen.frame, seen.plan, raters=seen.raters, assigned=seen.assigned)

    assert sorted(seen.assigned.groupby("rater").size()) == [16, 16, 16]
    arms = seen.frame.drop_duplicates("item").set_index("item")["arm"]
    assigned = seen.assigned[seen.assigned["item"].isin(arms.index)]
    assert (assigned["arm"].to_numpy() == arms.loc[assigned["item"]].to_numpy()).all()
    missing = analysis.dimensions[0].missing_answers
    assert missing is not None
    assert missing.source == "booklets"
    first = seen.frame[~seen.frame["is_repeat"]]
    assert sum(each.n for each in missing.counts) == 48
    assert sum(each.n_not_answered for each in missing.counts) == 48 - len(first)
    assert sum(each.n_cannot_judge for each in missing.counts) == first["cannot_judge"].sum()


def test_assigned_pairs_are_turned_as_the_choices_are(
    paired: Study, sealed_url: str, rating_url: str
) -> None:
    seen = look(sealed_url, rating_url, paired)

    assert set(zip(seen.assigned["arm"], seen.assigned["other_arm"], strict=True)) == {
        ("zebra-arm", "walrus-arm")
    }
    assert set(seen.frame["item"]) <= set(seen.assigned["item"])


def test_checks_and_guesses_come_in_frames_of_their_own(
    rich: Study, sealed_url: str, rating_url: str
) -> None:
    seen = look(sealed_url, rating_url, rich)

    assert sorted(zip(seen.raters["n_passed"], seen.raters["finished"], strict=True))[1:] == [(1, True)] * 2
    assert seen.asks_guesses
    assert seen.raters["n_checks"].sum() - seen.raters["n_passed"].sum() in {0, 1}
    assert seen.guesses["guess"].value_counts().max() <= 2
    assert set(seen.guesses["guess"]) <= {"changed", "unchanged", "unsure"}
    by_item = seen.frame.drop_duplicates("item").set_index("item")["arm"]
    assert (by_item.loc[seen.guesses["item"]].to_numpy() == seen.guesses["arm"]).all()


def test_a_choice_is_turned_to_the_arm_that_is_first_in_the_study(
    paired: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, paired).frame

    assert list(frame.columns) == [*ANSWER_COLUMNS, *other_columns(2)]
    assert set(zip(frame["arm"], frame["other_arm"], strict=True)) == {("zebra-arm", "walrus-arm")}
    assert set(frame["answer"]) == {-1.0}
    assert set(frame["arm_is_left"]) == {True, False}


def test_an_answer_to_three_texts_is_a_row_for_each_with_its_place_and_what_the_answer_is_for_it() -> None:
    arms = {"c": "base", "a": "steered", "b": "other"}
    study = SimpleNamespace(
        arm_names=["base", "steered", "other"],
        n_texts=3,
        has_odd_text=False,
        dimensions=[SimpleNamespace(name="happiness", scale=Ranking(texts=3, top="first", bottom="last"))],
    )
    opened = cast(
        "Opened", SimpleNamespace(study=study, cells=dict.fromkeys("abc", SimpleNamespace(sample=2)))
    )
    common: dict[str, Any] = {"not_applicable": False, "confidence": None, "comment": None}
    common |= {"is_repeat": False, "n_revisions": 1, "shown_ms": 900}
    common |= {"first_render_ms": 5, "hidden_ms": 0, "answered_at": NOW, "first_answered_at": NOW}
    rows = [
        AnswerRow("ada", ("a", "b", "c"), "We", {}, "happiness", position, answer, **common)
        for position, answer in ((1, 132.0), (2, None))
    ]

    frame = join_answers(rows, opened, lambda _, item: arms[item])

    assert list(frame.columns) == [*ANSWER_COLUMNS, *other_columns(3)]
    assert list(zip(frame["item"], frame["arm"], frame["place"], strict=True)) == 2 * [
        ("c", "base", 3),
        ("a", "steered", 1),
        ("b", "other", 2),
    ]
    assert frame["answer"][:3].tolist() == [0.0, 1.0, -1.0]
    assert frame["rank"][:3].tolist() == [2, 1, 3]
    assert frame["rank"][3:].isna().all()
    assert frame["answer"][3:].isna().all()
    assert frame["cannot_judge"].tolist() == [False] * 3 + [True] * 3


def test_every_text_is_listed_with_its_arm_and_measurements_whether_or_not_it_was_rated(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    seen = look(sealed_url, rating_url, rated)

    assert list(seen.texts.columns) == list(TEXT_COLUMNS)
    assert len(seen.texts) == 24
    assert set(seen.frame["item"]) < set(seen.texts["item"])
    first = seen.texts.iloc[0]
    assert (first["prompt"], first["arm"], first["sample"]) == (rated.prompts[0], "zebra-arm", 0)
    assert (first["text"], first["n_characters"], first["n_tokens"]) == (" fell on 0 times.", 17, 2)
    arms = seen.texts.set_index("item")["arm"]
    assert [arms[item] for item in seen.frame["item"]] == list(seen.frame["arm"])


def test_permuted_arms_come_without_texts_whose_arms_would_be_their_own(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    shown = permuted(sealed_url, rating_url, rated.name)

    assert list(shown.texts.columns) == list(TEXT_COLUMNS)
    assert shown.texts.empty


def test_each_field_of_the_items_is_a_column_of_every_table_of_texts(
    study_with_items: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study_with_items)
    publish(study_with_items, sealed_url, rating_url)
    rate(rating_url, study_with_items)

    seen = look(sealed_url, rating_url, study_with_items)

    assert list(seen.frame.columns) == [*ANSWER_COLUMNS, "concept", "task"]
    assert list(seen.texts.columns) == [*TEXT_COLUMNS, "concept", "task"]
    assert seen.assigned.groupby(["prompt", "concept"])["arm"].agg(set).map(len).tolist() == [2, 2, 2, 2]
    by_item = seen.texts.set_index("item")["concept"]
    assert list(by_item[seen.frame["item"]]) == list(seen.frame["concept"])
    assert permuted(sealed_url, rating_url, study_with_items.name).frame["concept"].nunique() == 2


def referring(study: Study) -> Study:
    shown = [{"name": "reference", "label": "Compare with this text:", "is_text": True}]
    return changed(study, reference_arm="zebra-arm", shown_fields=shown)


def test_the_reference_of_a_prompt_is_shown_with_all_its_texts_and_is_not_rated(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    declared = referring(study)
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)
    seen_by_rater: list[tuple[str, str]] = []

    def judge(shown: TrialView) -> Judgement:
        seen_by_rater.append((shown.prompt, shown.fields["reference"]))
        assert shown.texts[0] != shown.fields["reference"]
        return Judgement(4)

    rate(rating_url, declared, judge=judge)
    rate(rating_url, declared, judge=judge)
    seen = look(sealed_url, rating_url, declared)

    references = dict(seen_by_rater)
    assert len(set(seen_by_rater)) == len(references) == len(declared.prompts)
    with disposing(open_engine(sealed_url)) as sealed, reading(sealed) as session:
        made = session.execute(text("SELECT text FROM completion WHERE arm = 'zebra-arm' AND sample = 3"))
        assert {row.text.rstrip() for row in made} == set(references.values())
    assert len(seen.texts) == declared.n_completions - len(declared.prompts)
    assert not set(seen.texts["text"]) & set(references.values())
    for table in (seen.frame, seen.texts, seen.assigned):
        assert {(row.prompt, row.reference) for row in table.itertuples()} == set(references.items())
    checks = list(verify_study(rating_url, declared.name, sealed_url=sealed_url))
    assert not [check for check in checks if check.is_tampered]


def test_a_reference_that_equals_a_rated_text_is_refused(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    declared = referring(study)
    seal_completions(declared)
    change(sealed_url, "UPDATE completion SET text = ' fell.' WHERE prompt_index = 1 AND sample >= 2")

    with pytest.raises(StateError, match="equal the reference of their prompt"):
        publish(declared, sealed_url, rating_url)
