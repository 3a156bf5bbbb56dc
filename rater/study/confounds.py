"""Confounds: properties of texts, other than their meaning, that tell the texts of two arms apart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from rater.errors import StateError

if TYPE_CHECKING:
    from rater.study.study import Study

TextCue = Literal[
    "length in characters",
    "length in words",
    "leading white space",
    "trailing white space",
    "unprintable or odd characters",
    "characters beyond ASCII",
    "cut off (no final punctuation)",
    "line breaks",
    "lines of a list",
    "quotation marks",
    "Markdown and brackets",
    "digits",
    "share of capitals",
    "repetition",
    "headings",
    "list items",
    "code blocks",
    "tables",
    "links",
    "bold or italic words",
    "reasoning",
]
"""A property of texts that the audit measures, and that a study can declare as a confound."""
TEXT_CUES: tuple[str, ...] = get_args(TextCue)


@dataclass(frozen=True, kw_only=True)
class Confound:
    """A property that separated the texts of two arms in the audit at publication."""

    cue: str
    """One of `TEXT_CUES`, or how texts were assigned to booklets, such as their position."""
    first: str
    """First arm."""
    second: str
    """Second arm."""
    auc: float
    """The probability that a text of the first arm has more of it than one of the second; 0.5 is chance."""
    low: float | None
    """Lower end of the 95% interval of the AUC."""
    high: float | None
    p: float
    """Adjusted for all properties and pairs of arms (Holm)."""
    is_declared: bool
    """True if the study file declared it, False if it was acknowledged at publication."""

    @property
    def is_of_texts(self) -> bool:
        """True if it is a property of texts, False if it is a chance imbalance of the assignment."""
        return self.cue in TEXT_CUES

    def as_dict(self) -> dict[str, object]:
        """Return the fields for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Confound":
        """Rebuild a confound from `as_dict`."""
        return cls(**fields)


def _turned(confound: Confound) -> Confound:
    """Return the same confound with its arms exchanged."""
    low, high = confound.low, confound.high
    return replace(
        confound,
        first=confound.second,
        second=confound.first,
        auc=1 - confound.auc,
        low=None if high is None else 1 - high,
        high=None if low is None else 1 - low,
    )


def describe_confound(confound: Confound) -> str:
    """Describe a confound with its AUC, the arm with more of it first, in one clause without a full stop."""
    if confound.auc < 0.5:
        return describe_confound(_turned(confound))
    interval = "" if confound.low is None else f", 95% CI {confound.low:.2f} to {confound.high:.2f}"
    p = "p < .001" if confound.p < 0.001 else f"p = {confound.p:.3f}".replace("0.", ".")
    return (
        f"{confound.cue}: AUC {confound.auc:.2f} for “{confound.first}” over “{confound.second}”"
        f"{interval}, adjusted {p}"
    )


def undeclared_cues(confounds: Sequence[Confound]) -> list[str]:
    """Name the properties of texts that tell arms apart and that the study file does not declare.

    An uneven assignment of texts cannot be declared beforehand: it is recorded and reported, no more.
    """
    return list(dict.fromkeys(each.cue for each in confounds if each.is_of_texts and not each.is_declared))


def require_declared(confounds: Sequence[Confound], study: "Study") -> None:
    """Refuse confounds that the study file does not declare.

    Raises:
        StateError: there are some; the message has what to write into the study file.
    """
    undeclared = undeclared_cues(confounds)
    if not undeclared:
        return
    cues = "; ".join(_describe_strongest(confounds, cue) for cue in undeclared)
    msg = (
        f"Study {study.name!r} is not published: its arms differ in more than meaning, and its study file "
        f"does not declare it ({cues}). Declare it there with {confounds_declaration(study, undeclared)} "
        "and run rater generate FILE again (existing texts are kept), or acknowledge it. "
        f"Run: rater publish {study.name} --acknowledge-confounds"
    )
    raise StateError(msg)


def _describe_strongest(confounds: Sequence[Confound], cue: str) -> str:
    """Describe the pair of arms that a cue separates best, and count the other pairs."""
    pairs = sorted((each for each in confounds if each.cue == cue), key=lambda each: -abs(each.auc - 0.5))
    others = f", and {len(pairs) - 1} more pairs of arms" if len(pairs) > 2 else ""
    others = ", and another pair of arms" if len(pairs) == 2 else others
    return describe_confound(pairs[0]) + others


def confounds_declaration(study: "Study", undeclared: Sequence[str]) -> str:
    """Write the field of the study file that declares confounds, in Python."""
    names = "".join(f'"{name}", ' for name in [*study.confounds, *undeclared])
    return f"confounds=({names.rstrip() if len(study.confounds) + len(undeclared) == 1 else names[:-2]})"
