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
    """One analysis by arm, as recorded in the log."""

    number: int
    at: str
    """Time in UTC."""
    who: str
    why: str
    n_answers: int
    is_interim: bool
    """True if data collection continued afterwards."""
    was_shown: bool = True
    """True if the log records that its results were shown; true of the look that is being shown."""


@dataclass(frozen=True, kw_only=True)
class AmendmentText:
    """An amendment after publication, as recorded in the log."""

    version: int
    at: str
    """Time in UTC."""
    who: str
    why: str
    changes: tuple[str, ...]
    """The fields that changed."""
    n_raters_added: int
    after_look: bool = False
    """True if there had been an analysis by arm before."""


@dataclass(frozen=True, kw_only=True)
class TakenOut:
    """A rater whose data were deleted, as recorded in the log."""

    at: str
    """Time in UTC."""
    n_answers: int
    after_look: bool
    """True if there had been an analysis by arm before."""


@dataclass(frozen=True, kw_only=True)
class ArmText:
    """An arm and its description."""

    name: str
    description: str


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """A study with its hashes, log and counts."""

    name: str
    study_hash: str
    commitment: str
    log_head: str
    looks: tuple[Look, ...]
    n_planned_raters: int
    """Including raters added by amendments."""
    n_started_raters: int
    n_finished_raters: int
    n_further_booklets: int = 0
    """Booklets finished by raters who had finished another one before."""
    n_withdrawn_raters: int
    """Raters who withdrew; none of their answers is used."""
    items_per_rater: int
    n_texts: int
    model: str
    """The model that generated the completions; empty if all of them come from files."""
    sampling: str
    """The sampling settings, in words."""
    arms: tuple[ArmText, ...]
    amendments: tuple[AmendmentText, ...] = ()
    confounds: tuple[Confound, ...] | None = None
    """The confounds that the audit found at publication; None if there was no audit."""
    declared_confounds: tuple[str, ...] = ()
    """The confounds that the study file declares."""
    guessed_arms: tuple[str, ...] = ()
    """The arms for which the first answer to the blinding question is correct; empty if it was not asked."""
    taken_out: tuple[TakenOut, ...] = ()
    """Raters whose data were deleted; they are not counted among those who started."""
    tampered: tuple[str, ...] = ()
    """Failed verifications, in sentences, if the analyst chose to analyse the data nevertheless."""
    n_masked_exports: int = 0
    """The number of exports of ratings without arms, by the command or at the desk."""

    @property
    def n_raters_at_publication(self) -> int:
        """The planned number of raters before any amendment."""
        return self.n_planned_raters - sum(each.n_raters_added for each in self.amendments)


@dataclass(frozen=True, eq=False)
class TextTables:
    """The rated texts, and the raters' comments."""

    texts: pd.DataFrame
    """One row per text, with its arm and measurements; empty if arms are permuted."""
    comments: pd.DataFrame
    """The comments at the end: rater, text."""
    meanings: Mapping[str, tuple[str, str]]
    """Meaning and visibility of each column of the texts."""


@dataclass(frozen=True, kw_only=True)
class ReportContext:
    """The context of an analysis in its report."""

    title: str
    label: str | None = None
    """Printed on every page and figure if this is not the planned result."""
    is_rehearsal: bool = False
    """True if the answers are simulated by bots, with a synthetic key."""
    study: StudyFacts | None = None
    """None for external ratings."""
    source: str = ""
    """The file of external ratings."""
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Meaning and visibility of each column of the answers."""


_RATERS = "plan.raters"


def summarise_amendments(study: StudyFacts) -> str:
    """Summarise the amendments in one clause, for the checks and the screen."""
    times = counted(len(study.amendments), "time")
    versions = "; ".join(f"version {each.version}: {list_changes(each)}" for each in study.amendments)
    return f"the study was amended {times} after publication ({versions})"


def describe_removed_raters(study: StudyFacts) -> str:
    """Count the raters whose data were deleted, and state whether that was after an interim look."""
    deleted = study.taken_out
    after = sum(each.after_look for each in deleted)
    raters, answers = counted(len(deleted), "rater"), sum(each.n_answers for each in deleted)
    when = "after" if after == len(deleted) else f"{after} of them after" if after else "before any"
    was = "was" if len(deleted) == 1 else "were"
    look = "an analysis by arm" if after else "analysis by arm"
    return (
        f"{raters} with {counted(answers, 'answer')} {was} permanently deleted from the data, {when} {look}"
    )


def describe_unshown_looks(study: StudyFacts) -> str:
    """List the looks whose results were not shown according to the log; empty if there are none."""
    unshown = [str(look.number) for look in study.looks if not look.was_shown]
    if not unshown:
        return ""
    which = f"look {unshown[0]}" if len(unshown) == 1 else f"looks {', '.join(unshown)}"
    count = "counts as a look" if len(unshown) == 1 else "count as looks"
    return (
        f"the log does not record that the result of {which} was shown, because the command was interrupted; "
        f"nevertheless, {'it' if len(unshown) == 1 else 'they'} {count}"
    )


def describe_added_raters(study: StudyFacts) -> str:
    """Count the raters who were added after an interim look; empty if there are none."""
    added = sum(each.n_raters_added for each in study.amendments if each.after_look)
    if not added:
        return ""
    was = "was" if added == 1 else "were"
    return (
        f"{counted(added, 'rater')} {was} added after an analysis by arm: if the result was the reason, the "
        "type I error exceeds alpha (up to 7% at alpha 5%, if the number is chosen to reach significance)"
    )


def describe_planned_raters(study: StudyFacts) -> str:
    """State the planned number of raters, at publication and after amendments."""
    before, now = study.n_raters_at_publication, study.n_planned_raters
    if before == now:
        return f"The planned sample size was {counted(now, 'rater')}."
    return (
        f"The planned sample size was {counted(before, 'rater')} at publication and {now} after the "
        "amendments."
    )


def describe_amendments(study: StudyFacts) -> str:
    """Describe every amendment with its date and reason, for a paper; empty if there are none."""
    if not study.amendments:
        return ""
    described = [f"{each.at}: {list_changes(each)}; reason: “{each.why}”" for each in study.amendments]
    return (
        f" After publication, the study was amended {counted(len(described), 'time')} "
        f"({'; '.join(described)})."
    )


def list_changes(amendment: AmendmentText) -> str:
    """List the fields that an amendment changed, and the number of raters added."""
    fields = [name for name in amendment.changes if name != _RATERS]
    added = amendment.n_raters_added
    more = [f"{counted(added, 'rater')} more"] if added else []
    return ", ".join([*fields, *more])


def describe_cost_of_looks(study: StudyFacts, planned: Planned) -> str:
    """Describe the possible inflation of the type I error by looks during data collection."""
    n_early, n_looks = sum(look.is_interim for look in study.looks), counted(len(study.looks), "time")
    if not study.looks:
        return "Answers have not been analysed by arm yet."
    count = f"Answers were analysed by arm {n_looks}, {n_early} of them during data collection."
    if not n_early:
        return (
            f"{count} Repeated analyses of complete data do not inflate the type I error if the plan is kept."
        )
    if planned.spent is not None:
        return f"{count} {sentence(describe_spent_alpha(planned))}"
    alpha = planned.alpha
    rate = cost_of_looks([max(look.n_answers, 1) for look in study.looks], alpha=alpha)
    return (
        f"{count} If data collection would have stopped at the first p < {alpha:g}, looks at these numbers "
        f"of answers inflate the type I error to at most {rate:.1%} instead of {alpha:.0%} (less if, as "
        "here, all looks share the prompts: 14% instead of 19% with ten looks in simulations). The tests are "
        "not adjusted for this. There is no inflation if the study would have continued whatever the result."
    )
