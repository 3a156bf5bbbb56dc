"""Findings of an audit."""

from dataclasses import dataclass, field
from typing import Literal

from rater.publish.texts import SameTexts
from rater.study.confounds import Confound
from rater.study.study import Study

Severity = Literal["structure", "content", "own"]
"""The place of a mark: structure (a leak), content that the study shows, or own words of the app, which every
study has."""

CueKind = Literal["assignment", "form"]
"""The origin of a cue: the random assignment of texts, or their form."""

CONFOUND_LEVEL = 0.05
"""Cues with a smaller adjusted p are confounds; 5 % of studies without any have a false one."""
REFUSED_LEVEL = 0.001
"""Below this adjusted p a cue of the assignment is not chance, and refuses publication."""


@dataclass(frozen=True)
class Hit:
    """A mark that was found, with its place."""

    severity: Severity
    what: str
    """The kind of mark: an arm's name, a steering text …"""
    mark: str
    place: str
    count: int
    """The number of rows, pages or places with it."""


@dataclass(frozen=True)
class Cue:
    """The separation of two arms by something other than meaning, within prompts."""

    name: str
    kind: CueKind
    first: str
    """An arm."""
    second: str
    """The arm it is compared with."""
    auc: float
    """The probability that the first arm's text has more of it than the second's; 0.5 means no separation."""
    low: float | None
    """Lower end of the 95% interval; None where nothing varies enough for an estimate."""
    high: float | None
    p: float
    """The p value of no difference, adjusted for all cues and pairs of arms (Holm)."""

    @property
    def is_confound(self) -> bool:
        """True if it must be declared."""
        return self.p < CONFOUND_LEVEL

    @property
    def refuses(self) -> bool:
        """True if it shows that texts were not assigned at random."""
        return self.kind == "assignment" and self.p < REFUSED_LEVEL


@dataclass(frozen=True)
class Audit:
    """The result of an audit of one study."""

    hits: tuple[Hit, ...]
    cues: tuple[Cue, ...]
    not_searched: tuple[str, ...]
    """Marks that are too short or too common to search for."""
    n_marks: int
    n_cells: int
    """The number of values of the rating database that were searched."""
    n_bytes: int | None
    """The number of bytes of its files; None unless it is a SQLite file."""
    n_pages: int
    """The number of replies of the app."""
    n_trials_crawled: int
    n_trials: int
    """The number of distinct texts."""
    same: SameTexts = field(default_factory=SameTexts)
    """Texts that are equal to others."""
    declared: tuple[str, ...] = ()
    """The cues that the study declares as confounds."""

    @property
    def leaks(self) -> tuple[Hit, ...]:
        """The hits that refuse publication."""
        return tuple(hit for hit in self.hits if hit.severity == "structure")

    @property
    def confounds(self) -> tuple[Cue, ...]:
        """The cues to declare."""
        return tuple(cue for cue in self.cues if cue.is_confound)

    @property
    def is_refused(self) -> bool:
        """True if the study must not be published."""
        return bool(self.leaks) or any(cue.refuses for cue in self.cues)


def find_confounds(audit: Audit, study: Study) -> tuple[Confound, ...]:
    """List the confounds, each marked as declared or not."""
    return tuple(
        Confound(
            cue=cue.name,
            first=cue.first,
            second=cue.second,
            auc=cue.auc,
            low=cue.low,
            high=cue.high,
            p=cue.p,
            is_declared=cue.name in study.confounds,
        )
        for cue in audit.confounds
    )
