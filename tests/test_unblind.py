"""Open the seal of a real pair of databases, and try to open one that was tampered with."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from rater.analysis.plan import plan_of
from rater.analysis.primary import analyze
from rater.analysis.quality import paces_of
from rater.analysis.sequential import Seen
from rater.errors import SealError, StateError
from rater.publish.publish import close_study, open_study, publish_study
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.log import read_events
from rater.store.rating import raters, sessions, steps
from rater.store.rating.forget import find_known, redact
from rater.store.rating.monitoring import watch_raters
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.analysis_plan import AnalysisPlan, InterimLooks
from rater.study.arms import RandomVector, Steered, XVector
from rater.study.study import Study
from rater.unblind import ANSWER_COLUMNS, PAIR_COLUMNS, Permuted, Reason, Unblinded, permuted, unblind
from rater.unblind.join import TEXT_COLUMNS
from rater.workspace.analysis_input import study_facts
from rater.workspace.databases import Databases

NOW = datetime(2026, 4, 1, tzinfo=UTC)
Judge = Callable[[TrialView], Judgement]
REASON = Reason(who="an analyst", why="the plan")


def answer(shown: TrialView) -> Judgement:
    """Judge by the text: its number's last digit decides, and some cannot be judged."""
    digit = int(shown.text.split()[2]) % 10
    return Judgement(None if digit > 6 else 1 + digit % 5, "hm" if digit < 3 else None)


def rate(rating_url: str, study: Study, *, n_trials: int | None = None, judge: Judge = answer) -> str:
    """Take part as one rater, through as many trials as are named, or to the end; returns the rater's id."""
    token = sessions.new_token()
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        published = get_study(session, study.name)
        arrival = raters.Arrival("web")
        sitting = raters.claim_booklet(
            session, published.id, token, arrival=arrival, protocol=study.protocol, now=NOW
        )
        for position in range(1, (n_trials or sitting.n_trials) + 1):
            current = sessions.find_sitting(session, published.id, token)
            assert current is not None
            judged = judge(view_trial(session, current, position))
            sent = Submission(f"sent {position}", position, {study.primary: judged}, Timing(1_000, 20, 100))
            record_answers(session, published.id, current, sent, revising="all", now=NOW)
    return sitting.rater_id


def publish(study: Study, sealed_url: str, rating_url: str) -> None:
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)


@pytest.fixture
def rated(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    """The study, open, with one rater who gave 4 to all texts of their booklet."""
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    rate(rating_url, study, judge=lambda _: Judgement(4))
    return study


def look(sealed_url: str, rating_url: str, study: Study, *, interim: bool = False) -> Unblinded:
    return unblind(sealed_url, rating_url, study.name, reason=REASON, now=NOW, interim=interim)


def change(url: str, *statements: str) -> None:
    with disposing(open_engine(url)) as engine, writing(engine) as session:
        for statement in statements:
            session.execute(text(statement))


def read_log(rating_url: str, study: Study) -> tuple[str, list[str]]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, study.name)
        return published.state, [event.kind for event in read_events(session, EventRow, published.id)]


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


def test_the_plan_is_the_studys_with_its_defaults_filled_in(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    plan = look(sealed_url, rating_url, rated).plan

    assert plan.contrast == ("walrus-arm", "zebra-arm")
    assert (plan.primary, plan.n_raters, plan.scope) == ("happiness", 6, "raters+prompts")


def test_unblinding_closes_the_study_for_good_and_says_who_and_why(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    assert read_log(rating_url, rated) == ("unblinded", ["published", "open", "closed", "unblinded"])
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        last = read_events(session, EventRow, get_study(session, rated.name).id)[-1]
    assert last.detail == {"who": "an analyst", "why": "the plan", "look": 1, "n_answers": 8, "n_planned": 48}
    with pytest.raises(StateError, match="is unblinded; only a study that is"):
        open_study(rating_url, rated.name, now=NOW)


def test_every_further_look_is_numbered_in_the_log(rated: Study, sealed_url: str, rating_url: str) -> None:
    looks = [look(sealed_url, rating_url, rated).look for _ in range(3)]

    assert looks == [1, 2, 3]
    assert read_log(rating_url, rated)[1][-3:] == ["unblinded", "look", "look"]


def test_an_interim_look_leaves_the_study_open_and_counts(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    interim = look(sealed_url, rating_url, rated, interim=True)

    assert (interim.was_interim, interim.look) == (True, 1)
    assert read_log(rating_url, rated) == ("open", ["published", "open", "look"])
    assert look(sealed_url, rating_url, rated).look == 2


def test_a_report_knows_whose_answers_were_taken_out_before_and_after_a_look(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    def take_out(who: str) -> None:
        with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
            study_id = get_study(session, rated.name).id
            redact(session, study_id, find_known(session, study_id, who), by="ada", now=NOW)

    take_out(rate(rating_url, rated))
    look(sealed_url, rating_url, rated, interim=True)
    take_out(rate(rating_url, rated))
    facts = study_facts(Databases(sealed_url, rating_url), rated.name, look(sealed_url, rating_url, rated))

    assert [(each.n_answers, each.after_look) for each in facts.taken_out] == [(8, False), (8, True)]
    assert facts.n_started_raters == 1


def test_an_interim_look_at_a_finished_study_is_refused(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    with pytest.raises(StateError, match="is unblinded; an interim look is for one that is open"):
        look(sealed_url, rating_url, rated, interim=True)


@pytest.mark.parametrize(
    ("where", "statements"),
    [
        ("sealed", ["UPDATE completion SET arm = 'x-arm' WHERE id = 1"]),
        ("sealed", ["UPDATE publication SET salt = 'other'"]),
        ("sealed", ["UPDATE study SET canonical_json = replace(canonical_json, '7.8125', '8.8125')"]),
        ("rating", ["UPDATE item SET text = 'a happier text' WHERE id = (SELECT min(id) FROM item)"]),
        ("rating", ["UPDATE study SET commitment = 'forged'"]),
        (
            "rating",
            ["DROP TRIGGER event_refuses_update", "UPDATE event SET detail = '{}' WHERE sequence = 1"],
        ),
        ("rating", ["DROP TRIGGER event_refuses_delete", "DELETE FROM event"]),
        ("sealed", ["UPDATE completion SET token_ids = 'some' WHERE id = 1"]),
    ],
)
def test_a_key_text_study_or_log_that_was_changed_is_found_and_nothing_is_unblinded(
    rated: Study, sealed_url: str, rating_url: str, where: str, statements: list[str]
) -> None:
    change(sealed_url if where == "sealed" else rating_url, *statements)

    with pytest.raises(SealError, match="'marked_study'"):
        look(sealed_url, rating_url, rated)
    assert read_log(rating_url, rated)[0] == "open"


def test_the_key_of_another_publication_is_refused(
    rated: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    change(sealed_url, "DROP TRIGGER key_entry_refuses_delete", "DELETE FROM key_entry")

    with pytest.raises(SealError, match="has no key to study 'marked_study'"):
        look(sealed_url, rating_url, rated)


def test_a_study_without_answers_is_neither_closed_nor_unblinded(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)

    with pytest.raises(StateError, match=r"has no answers.* Run: rater serve$"):
        look(sealed_url, rating_url, study)
    assert read_log(rating_url, study) == ("open", ["published", "open"])


def changed(study: Study, **fields: object) -> Study:
    return Study.model_validate({**study.model_dump(), **fields})


RICH = {
    "dimensions": [
        {
            "name": "happiness",
            "question": "How happy?",
            "scale": {"kind": "likert", "points": 5, "low": "not", "high": "very"},
            "cannot_judge": True,
            "comment": "Why?",
        }
    ],
    "blinding": {"n_texts": 3},
    "plan": {
        "raters": 4,
        "items_per_rater": 16,
        "repeats": 3,
        "checks": [{"prompt": "Please", "text": " press 1 now.", "accepted": {"happiness": [1, 1]}}],
    },
}


@pytest.fixture
def rich(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    """A study with repeats, a check, a way to say "cannot judge" and a blinding question; three raters."""
    declared = changed(study, **RICH)
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def judge(shown: TrialView) -> Judgement:
        return Judgement(1) if "press 1" in shown.text else answer(shown)

    whole = [rate(rating_url, declared, judge=judge) for _ in range(2)]
    rate(rating_url, declared, n_trials=7, judge=lambda _: Judgement(2))
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for rater_id in whole:
            steps.open_guesses(session, rater_id, now=NOW)
            steps.record_guesses(session, rater_id, {1: "first", 2: "second", 3: "unsure"}, now=NOW)
    return declared


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
    assert seen.raters["n_checks"].sum() - seen.raters["n_passed"].sum() in {0, 1}
    assert seen.guesses["guess"].value_counts().max() <= 2
    assert set(seen.guesses["guess"]) <= {"changed", "unchanged", "unsure"}
    by_item = seen.frame.drop_duplicates("item").set_index("item")["arm"]
    assert (by_item.loc[seen.guesses["item"]].to_numpy() == seen.guesses["arm"]).all()


def test_the_plan_knows_doses_random_controls_and_changed_arms(study: Study) -> None:
    steered = study.arms[1]
    assert isinstance(steered, Steered)
    (vector,) = steered.additions
    assert isinstance(vector, XVector)
    chance = Steered(name="chance", additions=(RandomVector(like=vector, seed=1),))
    arms = [study.arms[0], steered.model_copy(update={"dose": 2.0}), chance]
    declared = changed(study, arms=[arm.model_dump() for arm in arms])

    plan = plan_of(declared)

    assert plan.doses == {"zebra-arm": 0.0, "walrus-arm": 2.0}
    assert plan.random_controls == ("chance",)
    assert plan.changed == ("walrus-arm", "chance")
    assert plan_of(study).doses == {}
    assert plan.seed != plan_of(study).seed


PAIRWISE = {
    "dimensions": [{"name": "which", "question": "Which?", "scale": {"kind": "pairwise", "tie": "Neither"}}],
    "plan": {"raters": 4},
    "analysis": {},
}


@pytest.fixture
def paired(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """A study of pairs, whose four raters always prefer the text that was made in the steered arm."""
    declared = changed(study, **PAIRWISE)
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def is_steered(text: str) -> bool:
        return int(text.split()[2]) % 6 >= 3  # sealed by prompt, then arm, then sample: three of each

    for _ in range(4):
        rate(rating_url, declared, judge=lambda shown: Judgement(-1 if is_steered(shown.text) else 1))
    return declared


def test_a_choice_is_turned_to_the_arm_that_is_first_in_the_study(
    paired: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, paired).frame

    assert list(frame.columns) == [*ANSWER_COLUMNS, *PAIR_COLUMNS]
    assert set(zip(frame["arm"], frame["other_arm"], strict=True)) == {("zebra-arm", "walrus-arm")}
    assert set(frame["answer"]) == {-1.0}
    assert set(frame["arm_is_left"]) == {True, False}


def counts(seen: Unblinded | Permuted) -> list[tuple[object, ...]]:
    """How many answers there are of each rater, prompt, arm and kind of trial."""
    columns = ["rater", "prompt", "arm", "dimension"]
    return sorted(
        seen.frame[~seen.frame["is_repeat"]].groupby(columns).size().reset_index().itertuples(index=False)
    )


def test_permuted_arms_keep_every_count_and_answer_and_are_not_the_arms(
    rich: Study, sealed_url: str, rating_url: str
) -> None:
    before = read_log(rating_url, rich)

    swapped = permuted(sealed_url, rating_url, rich.name)

    assert read_log(rating_url, rich) == before
    true = look(sealed_url, rating_url, rich)
    finished = set(true.raters.loc[true.raters["finished"], "rater"])
    assert [row for row in counts(swapped) if row[0] in finished] == [
        row for row in counts(true) if row[0] in finished
    ]
    assert swapped.frame.drop(columns="arm").equals(true.frame.drop(columns="arm"))
    moved = swapped.frame["arm"] != true.frame["arm"]
    assert 0.1 < moved.mean() < 0.9
    assert swapped.label == "permuted"
    analysis = analyze(swapped.frame, swapped.plan, raters=swapped.raters, guesses=swapped.guesses)
    assert analysis.n.answers == int((~true.frame["is_repeat"] & ~true.frame["cannot_judge"]).sum())
    assert set(swapped.guesses["arm"]) <= {"zebra-arm", "walrus-arm"}


def test_the_permutation_is_the_same_each_time_and_as_answers_come_in(
    rich: Study, sealed_url: str, rating_url: str
) -> None:
    first = permuted(sealed_url, rating_url, rich.name)
    rate(rating_url, rich, n_trials=9, judge=lambda _: Judgement(3))

    second = permuted(sealed_url, rating_url, rich.name)

    again = second.frame[second.frame["rater"].isin(first.frame["rater"])].reset_index(drop=True)
    assert again.equals(first.frame.reset_index(drop=True))
    assert len(second.frame) > len(first.frame)


def test_a_repeated_text_keeps_the_arm_it_was_given(rich: Study, sealed_url: str, rating_url: str) -> None:
    frame = permuted(sealed_url, rating_url, rich.name).frame

    assert frame.groupby(["rater", "item"])["arm"].nunique().max() == 1


def test_permuted_choices_are_turned_with_their_arms(paired: Study, sealed_url: str, rating_url: str) -> None:
    frame = permuted(sealed_url, rating_url, paired.name).frame

    assert set(zip(frame["arm"], frame["other_arm"], strict=True)) == {("zebra-arm", "walrus-arm")}
    assert set(frame["answer"]) == {-1.0, 1.0}  # all 16 sets alike: once in 30,000


def test_an_effect_leaves_no_trace_in_the_permuted_analysis(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    """With one permutation for each prompt, the spread of prompts would have the size of the effect."""
    prompts = [f"Prompt {n}" for n in range(12)]
    declared = changed(study, prompts=prompts, plan={"raters": 8})
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def judge(shown: TrialView) -> Judgement:
        return Judgement(5 if int(shown.text.split()[2]) % 6 >= 3 else 1)

    for _ in range(8):
        rate(rating_url, declared, judge=judge)

    frame = permuted(sealed_url, rating_url, declared.name).frame

    by_cell = frame.pivot_table(index="prompt", columns="arm", values="answer", aggfunc="mean")
    difference = (by_cell["walrus-arm"] - by_cell["zebra-arm"]).abs()
    assert difference.mean() < 2.5  # 4 with one permutation a prompt; 4 × E|mean of 8 signs| = 1.1 with ours


def test_a_study_without_answers_has_nothing_to_permute(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    close_study(rating_url, study.name, now=NOW)

    with pytest.raises(StateError, match=r"has no answers.* Run: rater open marked_study$"):
        permuted(sealed_url, rating_url, study.name)


def test_each_look_says_how_many_answers_there_were(rated: Study, sealed_url: str, rating_url: str) -> None:
    look(sealed_url, rating_url, rated, interim=True)
    rate(rating_url, rated, n_trials=3)

    assert look(sealed_url, rating_url, rated).looked_at == (
        Seen(8, 48, is_interim=True),
        Seen(11, 48, is_interim=False),
    )


def test_a_study_that_spreads_alpha_tests_at_the_level_of_each_look(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    halves = AnalysisPlan(interim_looks=InterimLooks(at=(0.5, 1), spending="pocock"))
    study = study.model_copy(update={"analysis": halves})
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    for _ in range(3):
        rate(rating_url, study)

    half = look(sealed_url, rating_url, study, interim=True)
    for _ in range(3):
        rate(rating_url, study)
    end = look(sealed_url, rating_url, study)

    assert (half.plan.alpha, end.plan.alpha) == pytest.approx((0.0310057, 0.0277424), abs=1e-5)
    assert half.plan.spent is not None
    assert half.plan.spent.share == 0.5


def test_every_text_is_listed_with_its_arm_and_measurements_whether_or_not_it_was_rated(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    seen = look(sealed_url, rating_url, rated)

    assert list(seen.texts.columns) == list(TEXT_COLUMNS)
    assert len(seen.texts) == 24
    assert set(seen.frame["item"]) < set(seen.texts["item"])
    first = seen.texts.iloc[0]
    assert (first["prompt"], first["arm"], first["sample"]) == (rated.prompts[0], "zebra-arm", 0)
    assert (first["text"], first["n_characters"], first["n_tokens"]) == (" went on 0 times.", 17, 2)
    arms = seen.texts.set_index("item")["arm"]
    assert [arms[item] for item in seen.frame["item"]] == list(seen.frame["arm"])


def test_permuted_arms_come_without_texts_whose_arms_would_be_their_own(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    shown = permuted(sealed_url, rating_url, rated.name)

    assert list(shown.texts.columns) == list(TEXT_COLUMNS)
    assert shown.texts.empty


def test_the_desk_shows_the_time_for_a_trial_that_the_analysis_reads(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    rate(rating_url, study)
    rate(rating_url, study, n_trials=5)

    seen = look(sealed_url, rating_url, study)

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        watched = watch_raters(session, get_study(session, study.name), now=NOW)
    assert {each.id: each.seconds_a_text for each in watched} == {
        rater: pace.median_s for rater, pace in paces_of(seen.frame).items()
    }
    assert {each.seconds_a_text for each in watched} == {0.9}
