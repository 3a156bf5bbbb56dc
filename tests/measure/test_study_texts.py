"""Hold what a metric is given to what raters see."""

from dataclasses import fields

from rater.measure.metric import Shown
from rater.measure.study_texts import in_random_order, list_units
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.study import Study


def completions(study: Study) -> list[KeptCompletion]:
    cells = [
        Cell(prompt, arm, sample)
        for prompt in range(len(study.rated_items))
        for arm in study.arm_names
        for sample in range(3)
    ]
    return [
        KeptCompletion(number, cell, f" It is {number}.  ", 3, "eos", 1.0, 0.0)
        for number, cell in enumerate(cells, 1)
    ]


def test_a_metric_sees_prompt_text_and_fields_and_never_an_arm(study_with_items: Study) -> None:
    unit = list_units(study_with_items, completions(study_with_items), n_texts=1)[0]

    assert {field.name for field in fields(Shown)} == {"prompt", "text", "fields"}
    assert unit.shown == (
        Shown("I woke up and", " It is 1.", {"concept": "weddings", "task": "Write <b>one</b> line"}),
    )
    assert not any(arm in repr(unit) for arm in study_with_items.arm_names)


def test_a_pair_is_shown_in_both_orders_and_of_one_sample(study: Study) -> None:
    made = completions(study)
    cells = {each.id: each.cell for each in made}

    units = list_units(study, made, n_texts=2)

    pairs = {(unit.texts.first, unit.texts.second) for unit in units}
    assert len(units) == len(pairs) == 4 * 3 * 2
    assert {(second, first) for first, second in pairs} == pairs
    for first, second in pairs:
        assert cells[first].arm != cells[second].arm
        assert cells[first].sample == cells[second].sample


def test_repetitions_are_units_of_their_own(study: Study) -> None:
    units = list_units(study, completions(study)[:2], n_texts=1, repeats=3)

    assert [unit.texts.repeat for unit in units] == [0, 1, 2, 0, 1, 2]


def test_the_order_is_random_and_follows_from_its_seed(study: Study) -> None:
    units = list_units(study, completions(study), n_texts=1)

    first, again = (in_random_order(units, "5eed") for _ in range(2))

    assert first == again != units
    assert in_random_order(units, "5eee") != first
    assert sorted(each.texts for each in first) == sorted(each.texts for each in units)
