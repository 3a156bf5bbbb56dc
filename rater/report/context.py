"""The context of a report: the study, its amendments, interim looks and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from rater.analysis.headline import describe_spent_alpha
from rater.analysis.plan import Planned
from rater.analysis.sentences import counted, sentence
from rater.analysis.sequential import cost_of_looks
from rater.study.confounds import Confound


@dataclass(frozen=True, kw_only=True)
class Look:
    """One time that answers were seen by arm, as the log has it."""

    number: int
    at: str
    """When, in UTC."""
    who: str
    why: str
    n_answers: int
    is_interim: bool
    """Whether the study went on taking answers afterwards."""
    was_shown: bool = True
    """Whether the log has that its results were shown, or this is the look that is being shown."""


@dataclass(frozen=True, kw_only=True)
class AmendmentText:
    """A change after publication, as the log has it."""

    version: int
    at: str
    """When, in UTC."""
    who: str
    why: str
    changes: tuple[str, ...]
    """The fields that changed."""
    n_raters_added: int
    after_look: bool = False
    """Whether answers had been seen by arm before."""


@dataclass(frozen=True, kw_only=True)
class TakenOut:
    """A rater who was taken out with all that they gave, as the log has it."""

    at: str
    """When, in UTC."""
    n_answers: int
    after_look: bool
    """Whether answers had been seen by arm before."""


@dataclass(frozen=True, kw_only=True)
class ArmText:
    """An arm in words."""

    name: str
    says: str


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """A study of our own, and what vouches for it."""

    name: str
    study_hash: str
    commitment: str
    log_head: str
    looks: tuple[Look, ...]
    n_planned_raters: int
    """Those of amendments with them."""
    n_started_raters: int
    n_finished_raters: int
    items_per_rater: int
    n_texts: int
    model: str
    """What made the completions; empty where all of them come from files."""
    sampling: str
    """How completions were drawn, in words."""
    arms: tuple[ArmText, ...]
    amendments: tuple[AmendmentText, ...] = ()
    confounds: tuple[Confound, ...] | None = None
    """What told arms apart in the audit at publication; None where there was no audit."""
    declared_confounds: tuple[str, ...] = ()
    """What the study file declared."""
    guessed_arms: tuple[str, ...] = ()
    """The arms that the blinding question's first answer means; empty where it was not asked."""
    taken_out: tuple[TakenOut, ...] = ()
    """Raters with answers who are not among the started ones any more."""
    altered: tuple[str, ...] = ()
    """What verification found to be altered, in sentences; the analyst insisted on using it all the same."""
    n_masked_exports: int = 0
    """How often ratings were exported without arms, by the command or at the desk."""

    @property
    def n_raters_at_publication(self) -> int:
        """How many raters were planned before any amendment."""
        return self.n_planned_raters - sum(each.n_raters_added for each in self.amendments)


@dataclass(frozen=True, eq=False)
class TextTables:
    """The texts that were rated, and what raters wrote."""

    texts: pd.DataFrame
    """One row for each text, with its arm and measurements; without rows where arms are permuted."""
    comments: pd.DataFrame
    """What raters wrote at the end: rater, text."""
    meanings: Mapping[str, tuple[str, str]]
    """What each column of the texts means, and who may see it."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What stands around an analysis in its report."""

    title: str
    label: str | None = None
    """What every page and figure says where this is not the planned result."""
    is_rehearsal: bool = False
    """Whether bots made the answers up, under a key that was made up too."""
    study: StudyFacts | None = None
    """None for ratings from elsewhere."""
    source: str = ""
    """The file that ratings from elsewhere came from."""
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What each column of the answers means, and who may see it."""


_RATERS = "plan.raters"


def summarise_amendments(study: StudyFacts) -> str:
    """Say shortly that a study was amended: for the checks, and the screen."""
    times = counted(len(study.amendments), "time")
    what = "; ".join(f"version {each.version}: {list_changes(each)}" for each in study.amendments)
    return f"the study was amended {times} after publication ({what})"


def describe_removed_raters(study: StudyFacts) -> str:
    """Say how many raters were taken out with their answers, and whether by then arms had been seen."""
    taken_out = study.taken_out
    after = sum(each.after_look for each in taken_out)
    raters, answers = counted(len(taken_out), "rater"), sum(each.n_answers for each in taken_out)
    when = "after" if after == len(taken_out) else f"{after} of them after" if after else "before any"
    seen = "answers were seen by arm" if after else "answer was seen by arm"
    was = "was" if len(taken_out) == 1 else "were"
    return f"{raters} with {counted(answers, 'answer')} {was} taken out of the data for good, {when} {seen}"


def describe_unshown_looks(study: StudyFacts) -> str:
    """Name the looks of which the log does not have that anything was shown; empty where there are none."""
    unshown = [str(look.number) for look in study.looks if not look.was_shown]
    if not unshown:
        return ""
    which = f"look {unshown[0]}" if len(unshown) == 1 else f"looks {', '.join(unshown)}"
    return (
        f"of {which} the log does not have that a result was shown: the command ended before, by a crash or "
        "by hand; it counts as a look all the same"
    )


def describe_added_raters(study: StudyFacts) -> str:
    """Say how many raters were added once answers had been seen by arm; empty where none were."""
    added = sum(each.n_raters_added for each in study.amendments if each.after_look)
    if not added:
        return ""
    was = "was" if added == 1 else "were"
    return (
        f"{counted(added, 'rater')} {was} added after answers were seen by arm: if it was for what was seen, "
        "more than alpha of such studies find what is not there (up to 7 % at alpha 5 %, where the number is "
        "chosen for that)"
    )


def describe_planned_raters(study: StudyFacts) -> str:
    """Say how many raters were planned: at publication, and now."""
    before, now = study.n_raters_at_publication, study.n_planned_raters
    if before == now:
        return f"{_raters_were(now)} planned."
    return f"{_raters_were(before)} planned at publication, and {now} after the amendments."


def describe_amendments(study: StudyFacts) -> str:
    """Say for a paper what was amended, when and why; empty where nothing was."""
    if not study.amendments:
        return ""
    each = [f"{one.at}: {list_changes(one)}; reason: “{one.why}”" for one in study.amendments]
    return f" After publication the study was amended {counted(len(each), 'time')} ({'; '.join(each)})."


def list_changes(amendment: AmendmentText) -> str:
    """Name what an amendment changed: the fields, and the raters added."""
    fields = [name for name in amendment.changes if name != _RATERS]
    added = amendment.n_raters_added
    more = [f"{counted(added, 'rater')} more"] if added else []
    return ", ".join([*fields, *more])


def describe_cost_of_looks(study: StudyFacts, planned: Planned) -> str:
    """State the type I error rate that the looks so far may have cost."""
    n_early, n_looks = sum(look.is_interim for look in study.looks), counted(len(study.looks), "time")
    if not study.looks:
        return "Nobody has seen answers by arm yet."
    said = f"Answers were seen by arm {n_looks}, {n_early} of them while the study went on."
    if not n_early:
        return f"{said} Looking again at answers that are complete costs nothing, as long as the plan stays."
    if planned.spent is not None:
        return f"{said} {sentence(describe_spent_alpha(planned))}"
    alpha = planned.alpha
    rate = cost_of_looks([max(look.n_answers, 1) for look in study.looks], alpha=alpha)
    return (
        f"{said} Each look at answers that still come in is another chance to stop at what is not there. "
        f"If the study would have been stopped at the first p below {alpha:g}, then of studies without "
        f"an effect up to {rate:.1%} would have found one, instead of {alpha:.0%}, by looks at so many "
        "answers as these (less where, as here, all looks share the prompts: 14 % instead of 19 % at "
        "ten looks in our simulations). It costs nothing if the study would have gone on whatever was "
        "seen."
    )


def _raters_were(n: int) -> str:
    return f"{counted(n, 'rater')} {'was' if n == 1 else 'were'}"
