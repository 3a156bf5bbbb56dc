"""Confounds: properties of texts, other than their meaning, that tell the texts of two arms apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

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
