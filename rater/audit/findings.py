"""Say what an audit found."""

from dataclasses import dataclass, field
from typing import Literal

from rater.publish.texts import SameTexts
from rater.study.confounds import Confound
from rater.study.study import Study

Severity = Literal["structure", "content", "own"]
"""Where a mark was found: in what no study declares (a leak); in the texts that a study shows; in words that
the app uses for every study, where it cannot be told from them."""

CueKind = Literal["assignment", "form"]
"""What a cue belongs to: how texts were assigned, which chance alone decides, or how they look."""

CONFOUND_LEVEL = 0.05
"""Below this adjusted p a cue is marked: some cue of a study without any would be, one time in twenty."""
REFUSED_LEVEL = 0.001
"""Below this adjusted p a cue of the assignment is not chance, and refuses publication."""


@dataclass(frozen=True)
class Hit:
    """A mark found somewhere."""

    severity: Severity
    what: str
    """What the mark is: an arm's name, a steering prompt …"""
    mark: str
    place: str
    count: int
    """How many rows, pages or places have it."""


@dataclass(frozen=True)
class Cue:
    """How well something that is not meaning tells two arms apart, within prompts."""

    name: str
    kind: CueKind
    first: str
    """An arm."""
    second: str
    """The arm it is compared with."""
    auc: float
    """The chance that the first arm's text has more of it than the second's; 0.5 says nothing."""
    low: float | None
    """Lower end of the 95% interval; None where nothing varies enough to say."""
    high: float | None
    p: float
    """That of no difference, adjusted for all cues and pairs of arms (Holm)."""

    @property
    def is_confound(self) -> bool:
        """Whether it must be declared beside the study's result."""
        return self.p < CONFOUND_LEVEL

    @property
    def refuses(self) -> bool:
        """Whether it shows that texts were not assigned by chance."""
        return self.kind == "assignment" and self.p < REFUSED_LEVEL


@dataclass(frozen=True)
class Audit:
    """All that an audit of one study found."""

    hits: tuple[Hit, ...]
    cues: tuple[Cue, ...]
    not_searched: tuple[str, ...]
    """Marks too short or too plain to be told from anything else."""
    n_marks: int
    n_cells: int
    """How many values of the rating database were searched."""
    n_bytes: int | None
    """How many bytes of its files; None where it is no SQLite file."""
    n_pages: int
    """How many replies of the app."""
    n_trials_crawled: int
    n_trials: int
    """How many different texts there are to see."""
    same: SameTexts = field(default_factory=SameTexts)
    """Texts that raters would read twice."""
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
        """Whether the study must not be published so."""
        return bool(self.leaks) or any(cue.refuses for cue in self.cues)


def find_confounds(audit: Audit, study: Study) -> tuple[Confound, ...]:
    """List the cues that told arms apart, each with whether the study declared it."""
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
