"""Say in words how a study was changed after it was published, and how many raters were planned before."""

from rater.analysis.wording import counted
from rater.report.about import AmendmentText, StudyFacts

_RATERS = "plan.raters"


def say_amended(study: StudyFacts) -> str:
    """Say shortly that a study was amended: for the checks, and the screen."""
    times = counted(len(study.amendments), "time")
    what = "; ".join(f"version {each.version}: {say_changes(each)}" for each in study.amendments)
    return f"the study was amended {times} after publication ({what})"


def say_planned(study: StudyFacts) -> str:
    """Say how many raters were planned: at publication, and now."""
    before, now = study.n_raters_at_publication, study.n_planned_raters
    if before == now:
        return f"{_raters_were(now)} planned."
    return f"{_raters_were(before)} planned at publication, and {now} after the amendments."


def say_amendments(study: StudyFacts) -> str:
    """Say for a paper what was amended, when and why; empty where nothing was."""
    if not study.amendments:
        return ""
    each = [f"{one.at}: {say_changes(one)}; reason: “{one.why}”" for one in study.amendments]
    return f" After publication the study was amended {counted(len(each), 'time')} ({'; '.join(each)})."


def say_changes(amendment: AmendmentText) -> str:
    """Name what an amendment changed: the fields, and the raters added."""
    fields = [name for name in amendment.changes if name != _RATERS]
    added = amendment.n_raters_added
    more = [f"{counted(added, 'rater')} more"] if added else []
    return ", ".join([*fields, *more])


def _raters_were(n: int) -> str:
    return f"{counted(n, 'rater')} {'was' if n == 1 else 'were'}"
