"""List how a study was changed after it was published."""

from rater.report.amended import describe_planned_raters, list_changes
from rater.report.document import Prose, Section, Table
from rater.report.sections.findings import Findings


def amendments_section(findings: Findings) -> Section | None:
    """List every amendment in the log; None where nothing was amended."""
    study = findings.about.study
    if study is None or not study.amendments:
        return None
    rows = [(f"{each.version}", each.at, each.who, each.why, list_changes(each)) for each in study.amendments]
    table = Table(
        "Every amendment in the log", ("version", "when", "who", "why", "what changed"), rows, n_text=5
    )
    said = (
        "A study's texts and its number of raters can be amended after publication; arms, texts rated, and "
        f"what is tested cannot. {describe_planned_raters(study)}"
    )
    return Section("amendments", "Amendments", [Prose(said), table])
