"""Describe the design of a study and the meaning of its score, for the first page of a report."""

from rater.analysis.scales import is_pairwise
from rater.analysis.wording import SCOPES, counted
from rater.report.sections.findings import Findings


def describe_design(findings: Findings) -> str:
    """Describe who rated what, on which scale, and which comparison was planned."""
    found, planned, study = findings.primary, findings.analysis.planned, findings.about.study
    first, second = planned.contrast
    pairwise = is_pairwise(found.dimension)
    shown = "two texts side by side" if pairwise else "one text at a time"
    blind = " without knowing its arm" if not pairwise else " without knowing their arms"
    if study is None:
        rated = f"Raters answered on {shown}"
    else:
        arms = ", ".join(f"“{arm.name}”" for arm in study.arms)
        rated = (
            f"Texts of {counted(len(study.arms), 'arm')} ({arms}); each rater saw {shown}{blind}, "
            f"{counted(study.items_per_rater, 'trial')} in all"
        )
    return (
        f"{rated} ({found.dimension.name}: {found.dimension.scale.describe_values()}). Planned comparison: "
        f"“{first}” minus “{second}”, for {SCOPES[planned.scope]}."
    )


def explain_score(findings: Findings) -> str:
    """Explain the score of the primary test in one or two sentences."""
    first, second = (f"“{arm}”" for arm in findings.analysis.planned.contrast)
    pairwise = is_pairwise(findings.primary.dimension)
    if findings.analysis.planned.score != "net_superiority":
        unit = "degrees of preference" if pairwise else "scale points"
        return f"The difference is the mean over raters and prompts, in {unit}; 0 means no difference."
    if pairwise:
        return (
            f"Net superiority is the share of choices for {first} minus the share for {second}, in "
            "percentage points: 100 if it is always chosen, 0 if both are chosen equally often, −100 if it "
            "never is."
        )
    return (
        f"Net superiority is P({first} rated higher) − P({first} rated lower) for a text of {first} and one "
        f"of {second}, both from the same prompt and rater, in percentage points: 100 if always higher, "
        "0 if higher as often as lower, −100 if always lower. Equal ratings count for neither."
    )
