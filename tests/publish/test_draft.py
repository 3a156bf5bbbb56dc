"""Hold what a publication shows against what its study declares."""

from collections.abc import Sequence

import pytest

from rater import AttentionCheck, Dimension, Likert, Pairwise, Plan, ShuffledWords, Study
from rater.publish.draft import Draft, draft_publication
from rater.store.rating.publication import NewTrial
from rater.store.sealed.completions import Cell, KeptCompletion

SEED = "5e" * 32
HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))
FLUENCY = Dimension(name="fluency", question="How fluent?", scale=Likert(low="not", high="very"))
CHECK = AttentionCheck(prompt="Please", text=" choose 1.", accepted={"happiness": (1, 1)})
CHECK_OF_BOTH = CHECK.model_copy(update={"accepted": {"happiness": (1, 1), "fluency": (1, 5)}})


def completions_of(study: Study) -> list[KeptCompletion]:
    cells = [
        Cell(prompt, arm, sample)
        for prompt in range(len(study.prompts))
        for arm in study.arm_names
        for sample in range(study.sampling.samples_per_prompt)
    ]
    return [
        KeptCompletion(
            id=n,
            cell=cell,
            text=f" went {cell.arm} {cell.sample}. And then it ",
            n_tokens=9,
            stop_reason="length",
            nll=2.0,
            repetition=0.0,
        )
        for n, cell in enumerate(cells, start=1)
    ]


def draft_of(study: Study, **changed: object) -> Draft:
    declared = Study.model_validate(study.model_dump() | changed)
    return draft_publication(declared, completions_of(declared), SEED)


def trials_of(draft: Draft) -> Sequence[NewTrial]:
    return [trial for booklet in draft.booklets for trial in booklet.trials]


def test_an_attention_check_looks_like_any_text_and_is_in_every_booklet(study: Study) -> None:
    draft = draft_of(study, plan=Plan(raters=6, checks=[CHECK]).model_dump())

    check = draft.checks[0]
    item = next(item for item in draft.items if item.id == check.item_id)
    assert (item.prompt, item.text, item.is_check) == ("Please", " choose 1.", True)
    assert check.accepted == (("happiness", 1, 1),)
    assert all(check.item_id in booklet.item_ids for booklet in draft.booklets)
    assert check.item_id not in draft.key
    assert len(check.item_id) == len(draft.items[0].id)


def test_shuffled_words_are_a_completion_s_in_another_order(study: Study) -> None:
    shuffled = ShuffledWords(dimension="happiness", accepted=(1, 1))

    draft = draft_of(study, plan=Plan(raters=6, checks=[shuffled]).model_dump())

    check = next(item for item in draft.items if item.is_check)
    words = sorted(check.text.split())
    sources = [item.text for item in draft.items if not item.is_check and item.prompt == check.prompt]
    assert words in [sorted(source.split()) for source in sources]
    assert check.text not in sources


def test_both_of_a_pair_continue_one_prompt_in_two_arms(study: Study) -> None:
    preference = Dimension(name="preference", question="Which is happier?", scale=Pairwise())

    draft = draft_of(study, dimensions=[preference.model_dump()])

    prompts = {item.id: item.prompt for item in draft.items}
    cells = {each.id: each.cell for each in completions_of(study)}
    for trial in trials_of(draft):
        assert len({prompts[item_id] for item_id in trial.item_ids}) == 1
        left, right = (cells[draft.key[item_id]] for item_id in trial.item_ids)
        assert (left.arm != right.arm, left.sample) == (True, right.sample)


@pytest.mark.parametrize("asking", ["blocks", "one_per_rater"])
def test_dimensions_asked_apart_are_named_with_each_trial(study: Study, asking: str) -> None:
    plan = Plan(raters=6, checks=[CHECK_OF_BOTH]).model_dump() | {"asking": asking}

    draft = draft_of(study, dimensions=[HAPPINESS.model_dump(), FLUENCY.model_dump()], plan=plan)

    assert {trial.dimension for trial in trials_of(draft)} == {"happiness", "fluency"}


def test_texts_are_cut_after_a_whole_sentence_in_every_arm_where_the_study_says_so(study: Study) -> None:
    whole, cut = draft_of(study), draft_of(study, cut_unfinished_sentence=True)

    assert all(item.text.endswith("And then it") for item in whole.items)
    assert all(item.text.endswith(".") for item in cut.items)


def test_a_repeat_shows_a_text_of_the_booklet_again(study: Study) -> None:
    draft = draft_of(study, plan=Plan(raters=6, repeats=2).model_dump())

    for booklet in draft.booklets:
        repeated = [trial.item_ids[0] for trial in booklet.trials if trial.is_repeat]
        assert len(repeated) == 2
        assert all(booklet.item_ids.count(item_id) == 2 for item_id in repeated)


def test_texts_and_checks_have_the_fields_of_their_item(study_with_items: Study) -> None:
    check = AttentionCheck(
        prompt="Please", text=" choose 1 for {concept}.", accepted={"happiness": (1, 1)},
        fields={"concept": "love", "task": "None"},
    )  # fmt: skip
    shuffled = ShuffledWords(dimension="happiness", accepted=(1, 2))
    declared = study_with_items.model_copy(update={"plan": Plan(raters=6, checks=[check, shuffled])})

    draft = draft_publication(declared, completions_of(declared), SEED)

    cells = {each.id: each.cell for each in completions_of(declared)}
    for item in draft.items:
        if not item.is_check:
            of_study = declared.items[cells[draft.key[item.id]].prompt_index]
            assert (item.prompt, item.fields) == (of_study.prompt, of_study.fields)
    checks = {item.id: item for item in draft.items if item.is_check}
    authored, mixed = (checks[each.item_id] for each in draft.checks)
    assert (authored.text, authored.fields["concept"]) == (" choose 1 for love.", "love")
    assert mixed.fields in [item.fields for item in declared.items]
