"""The picture of a trial is what raters see before there are texts."""

import io

from rich.console import Console

from rater.cli.trial_picture import picture_trial, print_trial
from rater.study.design import Plan
from rater.study.dimension import Dimension
from rater.study.scales import Pairwise
from rater.study.study import Study


def printed(study: Study) -> list[str]:
    out = io.StringIO()
    print_trial(study, Console(file=out, width=80))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_fields_are_filled_in_with_those_of_the_first_item(study_with_items: Study) -> None:
    shown = printed(study_with_items)

    assert shown[3:8] == [
        "The task  Write <b>one</b> line",
        "",
        "I woke up and […]",
        "",
        "How clearly is weddings present?",
    ]
    assert picture_trial(study_with_items).fields == {"The task": "Write <b>one</b> line"}
    assert picture_trial(study_with_items).questions == ("How clearly is weddings present?",)


def test_a_pair_has_two_texts_and_a_block_has_one_question(study: Study) -> None:
    pair = Dimension(name="happiness", question="Which is happier?", scale=Pairwise())
    pairs = study.model_copy(update={"dimensions": (pair,)})
    blocks = study.model_copy(
        update={
            "dimensions": (study.dimensions[0], study.dimensions[0].model_copy(update={"name": "other"})),
            "plan": Plan(asking="blocks"),
        }
    )

    assert [line for line in printed(pairs) if line in {"A", "B"}] == ["A", "B"]
    assert sum("How happy" in line for line in printed(blocks)) == 1
