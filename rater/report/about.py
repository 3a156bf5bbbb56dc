"""Say what a report knows besides its data and results: the study, who looked, what vouches for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

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
