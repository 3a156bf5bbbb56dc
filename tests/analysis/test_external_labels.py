from pathlib import Path

import pandas as pd
import pytest

from rater.analysis.choices import LabelChoices
from rater.analysis.external_labels import label_scale
from rater.analysis.external_plan import plan_for
from rater.analysis.primary import analyze
from rater.analysis.read_ratings import read
from rater.errors import StudyError
from rater.study.label_choice import TargetScore
from tests.analysis.test_choices import LABELS, simulate


def table(*columns: str) -> pd.DataFrame:
    return simulate()[["rater", "prompt", "arm", "item", *columns]]


def test_a_table_of_labels_needs_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    table("chosen", "target").to_csv(path, index=False)

    frame = read(path)

    assert frame["answer"].tolist() == simulate()["answer"].tolist()
    planned = plan_for(frame, contrast=("steered", "random"))
    assert planned.dimensions[0].scale == TargetScore(tuple(sorted(LABELS)))
    choices = analyze(frame, planned).dimensions[0].details.choices
    assert isinstance(choices, LabelChoices)
    assert choices.chance == 0.25
    assert choices.places == ()


def test_a_table_that_was_exported_is_analysed_as_the_study_was(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    simulate().to_csv(path, index=False)

    frame = read(path)
    found = analyze(frame, plan_for(frame, contrast=("steered", "random"))).dimensions[0]

    assert found.dimension.scale == TargetScore(tuple(sorted(LABELS)), "none")
    assert isinstance(found.details.choices, LabelChoices)
    assert len(found.details.choices.places) == 4


def test_an_answer_that_is_not_the_score_of_its_label_is_refused() -> None:
    rows = simulate()
    rows["answer"] = 1 - rows["answer"]

    with pytest.raises(StudyError, match="valid: 1 where they are the same"):
        label_scale(rows)


def test_an_answer_without_its_label_is_refused() -> None:
    rows = simulate()
    rows.loc[2, "chosen"] = None

    with pytest.raises(StudyError, match="not both chosen and target"):
        label_scale(rows)


def test_one_label_is_not_a_choice() -> None:
    rows = simulate()[["rater", "item"]].assign(chosen="love", target="love", answer=1.0)

    with pytest.raises(StudyError, match="at least 2 labels"):
        label_scale(rows)


def test_other_answers_are_not_choices_among_labels() -> None:
    assert label_scale(simulate().drop(columns="target")) is None
