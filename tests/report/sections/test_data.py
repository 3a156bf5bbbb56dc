from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.findings import Finding
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Bullets, Prose, Section, Table
from rater.report.sections.data import (
    MAX_COMMENTS,
    comments_section,
    data_section,
    exclusions_section,
    first_warnings,
    texts_section,
)
from rater.report.sections.inputs import Findings
from rater.study.dimension import Dimension
from rater.study.scales import Pairwise
from tests.report.conftest import Made, texts_of, words

RATER = "0123456789abcdef0123456789abcdef"


def test_without_criteria_the_section_states_that_all_answers_are_analysed(analysis: Analysis) -> None:
    section = exclusions_section(Findings(analysis, ReportContext(title="t"), {}))

    assert "No exclusion criteria were declared" in words(section)


def test_warnings_precede_notes_and_are_repeated_before_the_first_result(analysis: Analysis) -> None:
    warning, note = (
        Finding(level=level, code=f"a_{level}", message=f"This is a {level}.") for level in ("warn", "note")
    )
    diagnosis = replace(analysis.diagnosis, findings=(warning, note))

    section = data_section(diagnosis, is_external=True)
    first = first_warnings(diagnosis)

    assert section is not None
    text = words(section)
    assert text.index("This is a warn.") < text.index("This is a note.")
    assert first == [Prose("About the data:", is_warning=True), Bullets(["This is a warn."])]


def findings(
    frame: pd.DataFrame, planned: Planned, texts: pd.DataFrame, comments: tuple[tuple[str, str], ...] = ()
) -> Findings:
    planned = replace(planned, scope="raters", sesoi=None)
    written = pd.DataFrame(comments, columns=["rater", "text"])
    return Findings(
        analyze(frame, planned), ReportContext(title="t"), {}, frame=frame, texts=texts, comments=written
    )


def tables(section: Section | None) -> list[Table]:
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Table)]


def test_three_prompts_are_shown_with_every_arm_those_compared_first(make: Made, planned: Planned) -> None:
    frame = make(4, 5, arms=("other", "unsteered", "steered"))

    shown = tables(texts_section(findings(frame, planned, texts_of(frame))))

    examples, extremes = shown[:3], shown[3:]
    assert [[row[0] for row in table.rows] for table in examples] == [["steered", "unsteered", "other"]] * 3
    assert [table.caption.rsplit(" (")[-1] for table in examples] == [
        "largest difference)",
        "median difference)",
        "smallest difference)",
    ]
    assert [table.caption for table in extremes] == ["Highest rated texts", "Lowest rated texts"]
    highest, lowest = ([float(row[3].replace("−", "-")) for row in table.rows] for table in extremes)
    assert highest == sorted(highest, reverse=True)
    assert lowest == sorted(lowest)
    means = frame.groupby("item")["answer"].mean()
    assert highest[0] == pytest.approx(means.max(), abs=0.01)
    assert lowest[0] == pytest.approx(means.min(), abs=0.01)


def test_no_text_is_both_among_the_highest_and_the_lowest(make: Made, planned: Planned) -> None:
    frame = make(3, 1)

    *_, highest, lowest = tables(texts_section(findings(frame, planned, texts_of(frame))))

    assert not {row[2] for row in highest.rows} & {row[2] for row in lowest.rows}


def test_pairs_show_how_each_text_was_preferred() -> None:
    rng = np.random.default_rng(4)
    rater, prompt = (axis.ravel() for axis in np.indices((4, 4)))
    frame = pd.DataFrame(
        {
            "rater": [f"r{code}" for code in rater],
            "item": [f"a{code}" for code in prompt],
            "other_item": [f"b{code}" for code in prompt],
            "prompt": [f"p{code}" for code in prompt],
            "arm": "steered",
            "other_arm": "unsteered",
            "dimension": "happiness",
            "answer": rng.choice([-1.0, 0.0, 1.0], 16),
            "position": prompt + 1,
        }
    )
    dimension = Dimension(name="happiness", question="Which?", scale=Pairwise(tie="Neither"))
    plan = Planned(contrast=("steered", "unsteered"), dimensions=(dimension,), primary="happiness")

    [example, *_] = tables(texts_section(findings(frame, plan, texts_of(frame))))

    assert example.header == ("arm", "text", "mean preference", "ratings")
    (_, _, steered, n), (_, _, unsteered, _) = example.rows
    assert n == "4"
    assert float(steered.replace("−", "-")) == -float(unsteered.replace("−", "-"))


def test_no_texts_no_section(make: Made, planned: Planned) -> None:
    frame = make(3, 2)
    known = findings(frame, planned, texts_of(frame))

    assert texts_section(replace(known, texts=None)) is None
    assert texts_section(replace(known, texts=texts_of(frame).iloc[:0])) is None
    assert comments_section(known) is None


def test_comments_are_shown_with_a_short_id_and_those_about_texts_with_their_arm(
    make: Made, planned: Planned
) -> None:
    frame = make(3, 2)
    frame["comment"] = None
    frame.loc[2, "comment"] = "too short"
    frame.loc[3, "comment"] = " "

    section = comments_section(findings(frame, planned, texts_of(frame), ((RATER, "fine"),)))

    end, about = tables(section)
    assert end.rows == [("01234567", "fine")]
    [(rater, arm, _, comment)] = about.rows
    assert (rater, arm, comment) == (frame.loc[2, "rater"], frame.loc[2, "arm"], "too short")


def test_many_comments_are_cut_and_counted(make: Made, planned: Planned) -> None:
    frame = make(3, 2)
    many = tuple((f"{n:032d}", f"comment {n}") for n in range(MAX_COMMENTS + 3))

    section = comments_section(findings(frame, planned, texts_of(frame), many))

    [table] = tables(section)
    assert len(table.rows) == MAX_COMMENTS
    assert table.caption == f"At the end: {MAX_COMMENTS + 3} comments"
