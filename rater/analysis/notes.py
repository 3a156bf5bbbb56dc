"""Notes on a whole analysis: the sample, the significance level, and the arms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from rater.analysis.composites import CompositeCount, describe_missing
from rater.analysis.headline import describe_spent_alpha
from rater.analysis.plan import Planned
from rater.analysis.sentences import counted


@dataclass(frozen=True)
class Note:
    """A sentence about the whole analysis, without its full stop."""

    message: str
    weight: Literal["fault", "information", "method"]
    """A deviation from the plan, further information, or a part of the method."""
    topic: Literal["sample", "alpha", "arms"] = "arms"
    """A report on a study has its own line on the sample."""


def take_notes(
    planned: Planned,
    frame: pd.DataFrame,
    *,
    n_raters: int,
    n_left_out: int,
    composites: Sequence[CompositeCount] = (),
) -> tuple[Note, ...]:
    """Return the notes on an analysis of ``n_raters`` raters; ``n_left_out`` more were excluded."""
    return (
        *_on_the_sample(planned.n_raters, n_raters, n_left_out),
        *_on_the_alpha(planned),
        *_on_the_arms(planned, frame),
        *(Note(missing, "information") for missing in describe_missing(composites)),
    )


def _on_the_sample(n_planned: int | None, n_kept: int, n_left_out: int) -> Iterator[Note]:
    """Note that fewer raters are analysed than planned, and whether they are missing or excluded."""
    if n_planned is None or n_kept >= n_planned:
        return
    n_answered = n_kept + n_left_out
    have = "has" if n_answered == 1 else "have"
    answered = f"{n_answered} of {counted(n_planned, 'planned rater')} {have} answered"
    if n_answered > n_planned:
        answered = f"{n_answered} raters have answered ({n_planned} were planned)"
    if n_left_out:
        are = "is" if n_left_out == 1 else "are"
        answered += f", and {n_left_out} of them {are} excluded by the declared criteria"
    if n_answered >= n_planned:
        yield Note(answered, "information", "sample")
    else:
        yield Note(f"{answered}: the planned sample size was not reached", "fault", "sample")


def _on_the_alpha(planned: Planned) -> Iterator[Note]:
    if planned.spent is not None:
        yield Note(describe_spent_alpha(planned), "information", "alpha")
    n_secondary = len(planned.dimensions) - 1
    if n_secondary > 1:
        message = f"p-values of the {n_secondary} secondary dimensions are adjusted (Holm correction)"
        yield Note(message, "method", "alpha")


def _on_the_arms(planned: Planned, frame: pd.DataFrame) -> Iterator[Note]:
    """Note an arm of the plan that has no answers."""
    further = (arm for contrast in planned.contrasts for arm in (contrast.first, contrast.second))
    answered = set(frame["arm"])
    if "other_arm" in frame.columns:
        answered |= set(frame["other_arm"].dropna())
    # With one arm, or none, the others are still to come; with two, a name without answers looks misspelt.
    unknown = sorted({*planned.contrast, *planned.doses, *further} - answered) if len(answered) > 1 else []
    if unknown:
        message = (
            f"the plan names the arm “{unknown[0]}”, which has no answers; "
            f"arms with answers: {', '.join(sorted(map(str, answered)))}"
        )
        yield Note(message, "fault")
