from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.composites import add_composites
from rater.analysis.describe import rate_texts
from rater.analysis.plan import Planned, plan_analysis
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.study.analysis_plan import AnalysisPlan, CoprimaryTest
from rater.study.composite import Composite
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from tests.report.conftest import STUDY, compose_report, section, words

NAMES = ("concept", "fluency")


@pytest.fixture(scope="module")
def analysed() -> Analysis:
    """The analysis of 6 raters × 4 prompts with a composite score, a coprimary test and a missing part."""
    rng = np.random.default_rng(4)
    rows = [
        (f"r{rater}", f"p{prompt}", arm, f"{arm}{prompt}", name, float(rng.integers(1, 6)))
        for rater in range(6)
        for prompt in range(4)
        for arm in ("steered", "unsteered")
        for name in NAMES
    ]
    frame = pd.DataFrame(rows, columns=["rater", "prompt", "arm", "item", "dimension", "answer"])
    return analyze(frame.iloc[1:], plan())


def plan() -> Planned:
    dimensions = [
        Dimension(name=name, question=f"How much {name}?", scale=Likert(points=5, low="no", high="yes"))
        for name in NAMES
    ]
    declared = AnalysisPlan(
        composites=(Composite(name="overall", of=NAMES, by="minimum"),),
        primary="overall",
        coprimary=CoprimaryTest(dimension="fluency", margin=0.3),
    )
    return plan_analysis(declared, dimensions, contrast=("steered", "unsteered"))


def test_a_composite_is_shown_with_its_parts_and_missing_scores(analysed: Analysis) -> None:
    document = compose_report(analysed, ReportContext(title="t"))

    (table,) = [each for each in section(document, "composites").blocks if isinstance(each, Table)]
    assert table.header == (
        "arm",
        "mean overall",
        "mean concept",
        "mean fluency",
        "n",
        "missing",
        "without an answer to",
    )
    steered = table.rows[0]
    assert (steered[0], *steered[4:]) == ("steered", "23", "1", "1 concept")
    assert table.rows[1][4:] == ("24", "0", "–")


def test_the_joint_criterion_has_a_section_with_both_tests(analysed: Analysis) -> None:
    joint = analysed.joint
    assert joint is not None
    document = compose_report(analysed, ReportContext(title="t"))

    shown = section(document, "joint")
    (table,) = [each for each in shown.blocks if isinstance(each, Table)]
    assert [row[0].split(" ")[0] for row in table.rows] == ["the", "on", "both"]
    assert {row[2] for row in table.rows} <= {"shown", "not shown"}
    assert joint.sentence in words(shown)
    assert document.answer.startswith(joint.sentence)


def test_the_methods_describe_composite_and_joint_criterion(analysed: Analysis) -> None:
    text = words(section(compose_report(analysed, ReportContext(title="t", study=STUDY)), "methods"))

    assert "“How much concept?” (points 1 to 5); “How much fluency?” (points 1 to 5)" in text
    assert "overall is the minimum of the answers of a rater to a text on concept, fluency" in text
    assert "for 1 of 48 rated texts" in text
    assert "Berger 1982, Technometrics 24:295–300" in text
    assert "on fluency “steered” is worse than “unsteered” by less than 0.3 scale points" in text


def test_a_plan_with_one_dimension_has_neither_section(analysed: Analysis) -> None:
    alone = replace(analysed, joint=None, composites=(), planned=replace(plan(), coprimary=None))
    alone = replace(alone, planned=replace(alone.planned, dimensions=alone.planned.rated, primary="concept"))
    anchors = {each.anchor for each in compose_report(alone, ReportContext(title="t")).sections}

    assert anchors.isdisjoint({"joint", "composites"})


def test_mean_ratings_of_texts_include_a_composite_whether_or_not_its_rows_are_there() -> None:
    """A report adds the rows of composites once, and then looks for the texts with the highest means."""
    answers = [("i1", "concept", 2.0), ("i1", "fluency", 4.0), ("i2", "concept", 3.0), ("i2", "fluency", 1.0)]
    frame = pd.DataFrame(answers, columns=["item", "dimension", "answer"])
    frame = frame.assign(rater="r1", prompt="p1", arm="steered", is_repeat=False, cannot_judge=False)
    texts = pd.DataFrame({"item": ["i1", "i2"], "text": [" one", " two"]})
    dimensions = plan().dimensions

    without = rate_texts(texts, frame, dimensions)
    again = rate_texts(texts, add_composites(frame, dimensions), dimensions)

    pd.testing.assert_frame_equal(without, again)
    assert without.loc[without["dimension"] == "overall", "mean_rating"].tolist() == [2.0, 1.0]
