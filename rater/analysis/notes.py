"""Note what holds for an analysis as a whole: who is missing, which arms, what was adjusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from rater.analysis.headline import describe_spent_alpha
from rater.analysis.planned import Planned
from rater.analysis.wording import counted


@dataclass(frozen=True)
class Note:
    """A sentence about the whole analysis, without its full stop."""

    says: str
    weight: Literal["fault", "known", "method"]
    """Whether something is not as planned, is worth knowing, or is only how it was done."""
    topic: Literal["sample", "alpha", "arms"] = "arms"
    """What it is about; a report on a study has its own line on the sample."""


def take_notes(planned: Planned, frame: pd.DataFrame, *, n_raters: int, n_left_out: int) -> tuple[Note, ...]:
    """Take the notes on an analysis of these rows, from so many raters, without those left out."""
    return (
        *_on_the_sample(planned.n_raters, n_raters, n_left_out),
        *_on_the_alpha(planned),
        *_on_the_arms(planned, frame),
    )


def _on_the_sample(n_planned: int | None, n_kept: int, n_left_out: int) -> Iterator[Note]:
    """Say where fewer raters are analysed than were planned, and whether they are missing or left out."""
    if n_planned is None or n_kept >= n_planned:
        return
    n_answered = n_kept + n_left_out
    have = "has" if n_answered == 1 else "have"
    answered = f"{n_answered} of {counted(n_planned, 'planned rater')} {have} answered"
    if n_answered > n_planned:
        answered = f"{n_answered} raters have answered ({n_planned} were planned)"
    if n_left_out:
        are = "is" if n_left_out == 1 else "are"
        answered += f", and {n_left_out} of them {are} left out by the rules declared beforehand"
    if n_answered >= n_planned:
        yield Note(answered, "known", "sample")
    else:
        yield Note(f"{answered}: this is not the planned sample", "fault", "sample")


def _on_the_alpha(planned: Planned) -> Iterator[Note]:
    if planned.spent is not None:
        yield Note(describe_spent_alpha(planned), "known", "alpha")
    n_secondary = len(planned.dimensions) - 1
    if n_secondary > 1:
        says = f"p-values of the {n_secondary} secondary dimensions are adjusted by Holm's method"
        yield Note(says, "method", "alpha")


def _on_the_arms(planned: Planned, frame: pd.DataFrame) -> Iterator[Note]:
    """Say which arm of the plan has no answers."""
    further = (arm for contrast in planned.contrasts for arm in (contrast.first, contrast.second))
    answered = set(frame["arm"])
    if "other_arm" in frame.columns:
        answered |= set(frame["other_arm"].dropna())
    # With one arm, or none, the others are still to come; with two, a name without answers looks misspelt.
    unknown = sorted({*planned.contrast, *planned.doses, *further} - answered) if len(answered) > 1 else []
    if unknown:
        says = (
            f'the plan names the arm "{unknown[0]}", which has no answers; '
            f"arms with answers: {', '.join(sorted(map(str, answered)))}"
        )
        yield Note(says, "fault")
