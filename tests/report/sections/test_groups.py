from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.answer_scale import Scored
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.report.sections.groups import groups_section
from rater.report.sections.inputs import Findings
from rater.report.sections.secondary import ranking_section
from rater.study.scales import BestWorst
from tests.report.conftest import words

ARMS = ("steered", "unsteered", "weak")


@pytest.fixture(scope="module")
def ordered(planned: Planned) -> Findings:
    """Findings on trials of three texts, of which the steered one is mostly the best."""
    rows = []
    for rater in range(6):
        for position, prompt in enumerate(("We", "You", "The rain", "Snow"), start=1):
            best = ARMS[(rater * position) % 7 % 3]
            worst = ARMS[(ARMS.index(best) + 1 + rater % 2) % 3]
            for place, arm in enumerate(ARMS, start=1):
                score = 1.0 if arm == best else -1.0 if arm == worst else 0.0
                rows.append((f"r{rater}", f"{prompt}-{arm}", prompt, arm, position, place, score))
    frame = pd.DataFrame(rows, columns=["rater", "item", "prompt", "arm", "position", "place", "answer"])
    scale = BestWorst(texts=3, best="happiest", worst="saddest").scored
    plan = replace(planned, dimensions=(Scored("happiness", "Which?", scale),))
    analysis = analyze(frame.assign(dimension="happiness", is_repeat=False), plan)
    return Findings(analysis, ReportContext(title="t"), {})


def test_first_and_last_texts_are_counted_by_arm_and_by_place(ordered: Findings) -> None:
    section = groups_section(ordered)

    assert section is not None
    arms, places = (block for block in section.blocks if isinstance(block, Table))
    assert {row[0] for row in arms.rows} == set(ARMS)
    assert "“happiest”" in arms.header
    assert [row[0] for row in places.rows] == ["1", "2", "3"]
    assert "24 trials of 3 texts" in words(section)
    assert "33% of trials" in words(section)


def test_the_strengths_name_their_model(ordered: Findings) -> None:
    section = ranking_section(ordered)

    assert section is not None
    assert "sequential best–worst Plackett–Luce model" in words(section)


def test_ratings_of_single_texts_have_no_such_section(analysis: Analysis) -> None:
    assert groups_section(Findings(analysis, ReportContext(title="t"), {})) is None


def test_arms_without_a_contrast_are_counted_in_scores_of_texts_not_in_answers(ordered: Findings) -> None:
    notes = [each.message for each in ordered.analysis.diagnosis.findings if each.code == "unused_arms"]

    assert notes == ["24 of 72 scores of texts are to arms that are not in the primary contrast: weak (24)."]
