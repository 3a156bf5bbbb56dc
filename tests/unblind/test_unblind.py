from collections.abc import Callable
from itertools import product

import pandas as pd
import pytest

from rater.analysis.primary import analyze
from rater.analysis.sequential import Seen
from rater.errors import StateError
from rater.publish.publish import close_study, open_study
from rater.store.engine import disposing, reading, writing
from rater.store.log import read_events
from rater.store.rating import sessions
from rater.store.rating.further_booklets import take_further_booklet
from rater.store.rating.open import open_rating
from rater.store.rating.publication import NewBooklet, NewTrial
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, TrialView
from rater.store.sealed.completions import Cell
from rater.study.study import Study
from rater.unblind import Permuted, Unblinded, permuted
from rater.unblind.unblind import permute_arms
from tests.unblind.conftest import (
    NOW,
    change,
    changed,
    look,
    publish,
    rate,
    read_log,
)

ARMS = ("a", "b", "c")
CELLS = {f"{p}{arm}{n}": Cell(p, arm, n) for p, arm, n in product((0, 1), ARMS, (0, 1))}
SEED = "11" * 32


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


def test_an_interim_look_at_a_finished_study_is_refused(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    with pytest.raises(StateError, match="is unblinded; an interim look is for one that is open"):
        look(sealed_url, rating_url, rated, interim=True)


def test_a_study_without_answers_is_neither_closed_nor_unblinded(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)

    with pytest.raises(StateError, match=r"has no answers.* Run: rater serve$"):
        look(sealed_url, rating_url, study)
    assert read_log(rating_url, study) == ("open", ["published", "open"])


def test_each_look_says_how_many_answers_there_were(rated: Study, sealed_url: str, rating_url: str) -> None:
    look(sealed_url, rating_url, rated, interim=True)
    rate(rating_url, rated, n_trials=3)

    assert look(sealed_url, rating_url, rated).looked_at == (
        Seen(8, 48, is_interim=True),
        Seen(11, 48, is_interim=False),
    )


def test_the_plan_is_the_studys_with_its_defaults_filled_in(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    plan = look(sealed_url, rating_url, rated).plan

    assert plan.contrast == ("walrus-arm", "zebra-arm")
    assert (plan.primary, plan.n_raters, plan.scope) == ("happiness", 6, "raters+prompts")


def test_two_booklets_of_a_rater_give_the_result_of_one_booklet_with_all_their_texts(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    keen = changed(study, booklets_per_rater=2, plan={"raters": 6, "items_per_rater": 4})
    seal_completions(keen)
    publish(keen, sealed_url, rating_url)
    people: dict[str, str] = {}
    for _ in range(3):
        token = sessions.new_token()
        first = rate(rating_url, keen, token=token)
        second = rate(rating_url, keen, token=take_another(rating_url, keen, token))
        people |= {first: first, second: first}

    as_people = look(sealed_url, rating_url, keen, interim=True)
    shuffled = permuted(sealed_url, rating_url, keen.name)
    change(rating_url, "UPDATE rater SET person_id = id, booklet_number = 1")
    apart = look(sealed_url, rating_url, keen, interim=True)

    person = apart.frame["rater"].map(people)
    is_second = person != apart.frame["rater"]
    by_hand = apart.frame.assign(rater=person, position=apart.frame["position"] + 4 * is_second).sort_values(
        ["rater", "position"], ignore_index=True
    )
    pd.testing.assert_frame_equal(as_people.frame, by_hand)
    found, expected = (analyze(each, as_people.plan) for each in (as_people.frame, by_hand))
    assert found.n.raters == 3
    assert found.dimensions[0].primary == expected.dimensions[0].primary
    assert analyze(apart.frame, apart.plan).n.raters == 6
    assert (len(as_people.raters), len(shuffled.frame)) == (3, 24)
    assert (as_people.progress.n_raters, as_people.progress.n_further) == (3, 3)


def take_another(rating_url: str, study: Study, token: str) -> str:
    """Take a further booklet, and return the token for it."""
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        published = get_study(session, study.name)
        current = sessions.find_rater_session(session, published.id, token)
        assert current is not None
        return take_further_booklet(session, published.id, current, published.protocol, now=NOW)


def permuted_arms(*trials: NewTrial, seed: str = SEED) -> list[dict[str, str]]:
    """Return the arm that replaces each item's own, in each of forty booklets with the same trials."""
    booklets = [NewBooklet(f"booklet {n}", trials) for n in range(40)]
    found = permute_arms(booklets, CELLS, ARMS, seed)
    return [{item: arm for (of, item), arm in found.items() if of == each.id} for each in booklets]


@pytest.mark.parametrize(
    ("one", "other", "dimensions"),
    [
        (("0a0", "0b0", "0c0"), ("1a0", "1b0", "1c0"), (None, None)),
        (("0a0", "0b0", "0c0"), ("0a1", "0b1", "0c1"), (None, None)),
        (("0a0", "0b1", "0c0"), ("0a1", "0b0", "0c1"), ("joy", "fluency")),
    ],
    ids=["prompts", "samples of a prompt", "dimensions asked apart"],
)
def test_the_arms_of_each_set_are_swapped_by_a_permutation_of_its_own(
    one: tuple[str, ...], other: tuple[str, ...], dimensions: tuple[str | None, str | None]
) -> None:
    trials = [
        NewTrial((item,), dimension=of)
        for items, of in zip((one, other), dimensions, strict=True)
        for item in items
    ]

    found = permuted_arms(*trials)

    sets = [(tuple(arm[item] for item in one), tuple(arm[item] for item in other)) for arm in found]
    assert {tuple(sorted(arms)) for pair in sets for arms in pair} == {ARMS}
    assert len({first for first, _ in sets}) == 6
    assert sum(first == second for first, second in sets) < 20  # by chance, in one of six


def test_a_repeat_or_an_attention_check_is_no_part_of_a_set() -> None:
    trials = [
        *(NewTrial((item,)) for item in ("0a1", "check", "0b0", "0c1")),
        NewTrial(("0a1",), is_repeat=True),
    ]

    found = permuted_arms(*trials)

    assert {tuple(sorted(arms)) for arms in found} == {("0a1", "0b0", "0c1")}
    assert {tuple(sorted(arms.values())) for arms in found} == {ARMS}


def test_all_pairs_of_a_prompt_are_swapped_as_one() -> None:
    found = permuted_arms(NewTrial(("0a0", "0b0")), NewTrial(("0c1", "0a1")), NewTrial(("0b1", "0c0")))

    for arms in found:
        swapped = arms["0a0"], arms["0b0"], arms["0c0"]
        assert swapped == (arms["0a1"], arms["0b1"], arms["0c1"])
        assert tuple(sorted(swapped)) == ARMS


def test_a_trial_of_all_arms_is_permuted_as_a_whole() -> None:
    found = permuted_arms(NewTrial(("0c0", "0a0", "0b0")), NewTrial(("1a1", "1c1", "1b1")))

    orders = {tuple(arms[item] for item in ("0a0", "0b0", "0c0")) for arms in found}
    assert {tuple(sorted(order)) for order in orders} == {ARMS}
    assert len(orders) == 6


def test_the_permutation_follows_from_the_seed_and_not_from_the_order_of_trials() -> None:
    trials = [NewTrial((f"0{arm}0",)) for arm in ARMS]

    assert permuted_arms(*trials) == permuted_arms(*trials[::-1])
    assert permuted_arms(*trials) != permuted_arms(*trials, seed="22" * 32)


def counts(seen: Unblinded | Permuted) -> list[tuple[object, ...]]:
    """Return the number of answers of each rater, prompt, arm and kind of trial."""
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


def test_which_text_is_odd_is_permuted_so_that_found_texts_leave_no_trace(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    """Swapped arms would leave the odd text odd, and show how often it was found."""
    odd = {"name": "odd", "question": "Which differs?", "scale": {"kind": "odd_one_out"}}
    declared = changed(study, dimensions=[odd], plan={"raters": 6}, analysis={})
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def judge(shown: TrialView) -> Judgement:
        is_steered = [int(text.split()[2]) % 6 >= 3 for text in shown.texts]
        return Judgement(1 + next(n for n, each in enumerate(is_steered) if is_steered.count(each) == 1))

    for _ in range(6):
        rate(rating_url, declared, judge=judge)

    frame = permuted(sealed_url, rating_url, declared.name).frame

    assert 0.1 < frame["answer"].mean() < 0.6  # 48 trials, of which a third is expected
    assert (frame["arm"] != frame["other_arm"]).all()
    true = look(sealed_url, rating_url, declared).frame
    assert (true["answer"] == 1).all()
    assert (true["odd_place"] == true["chosen_place"]).all()
    of_place = true.apply(lambda row: row[f"arm_{row['odd_place']}"], axis=1)
    assert (of_place == true["arm"]).all()


def test_an_effect_leaves_no_trace_in_the_permuted_analysis(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    """With one permutation for each prompt, the spread of prompts would have the size of the effect."""
    prompts = [f"Prompt {n}" for n in range(12)]
    declared = changed(study, prompts=prompts, plan={"raters": 8})
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def judge(shown: TrialView) -> Judgement:
        return Judgement(5 if int(shown.texts[0].split()[2]) % 6 >= 3 else 1)

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
