import numpy as np

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from tests.report.conftest import Made, compose_report, section, words


def test_confidence_is_shown_by_arm_with_the_planned_test_on_confident_answers(
    make: Made, planned: Planned
) -> None:
    frame = make(4, 6)
    rng = np.random.default_rng(3)
    confidence = rng.integers(1, 5, len(frame))
    document = compose_report(analyze(frame.assign(confidence=confidence), planned), ReportContext(title="t"))

    shown = section(document, "confidence")

    by_arm, confident = [block for block in shown.blocks if isinstance(block, Table)]
    first = (frame["arm"] == planned.contrast[0]).to_numpy()
    assert by_arm.caption == "Confidence by arm, in points from 1 to 4"
    assert by_arm.rows[0] == (
        planned.contrast[0],
        f"{confidence[first].mean():.2f}",
        f"{first.sum():,}",
        f"{first.sum():,}",
    )
    assert f"the {(confidence >= 3).sum()} answers with a confidence of 3 or more" in confident.caption
    assert "does not replace the primary test" in words(shown)


def test_a_study_without_confidence_has_no_section(make: Made, planned: Planned) -> None:
    document = compose_report(analyze(make(4, 6), planned), ReportContext(title="t"))

    assert "confidence" not in [each.anchor for each in document.sections]
