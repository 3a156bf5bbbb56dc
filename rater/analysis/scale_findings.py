"""Find what is suspicious about the scale of external ratings: codes for "no answer", gaps, other codings."""

import numpy as np
import pandas as pd

from rater.analysis.finding import MAX_LISTED, Finding
from rater.analysis.missing_codes import SuspectedCode, find_missing_codes
from rater.analysis.scales import Judged, Preferences, Rated, is_pairwise
from rater.analysis.wording import counted, number

MAX_SPAN = 20
"""Whole numbers that reach further are no scale of points."""
MAX_SHOWN = 1e15
"""Larger numbers are written with an exponent."""


def diagnose_scale(judged: Judged, rows: pd.DataFrame, *, prefix: str) -> list[Finding]:
    """Find what is suspicious about the answers on a dimension, where nobody named its scale."""
    if not isinstance(judged, Rated) or not judged.is_inferred or rows.empty:
        return []
    answers = rows["answer"].to_numpy(dtype=np.float64)
    pairwise = is_pairwise(judged)
    findings = []
    is_named = isinstance(judged.scale, Preferences) and judged.scale.is_named
    suspected = None if is_named else find_missing_codes(answers, is_pairwise=pairwise)
    if suspected is not None:
        findings.append(_on_code(suspected, rows, prefix, pairwise=pairwise))
    if pairwise:
        return findings + _on_coding(judged, answers, prefix)
    if suspected is not None and suspected.is_certain:
        return findings
    return findings + _on_gaps(judged, answers, prefix)


def _on_gaps(judged: Rated, answers: np.ndarray, prefix: str) -> list[Finding]:
    """Warn of points that nobody used, where the ends of the scale were taken from the answers."""
    points = len(judged.scale.levels)
    if points:
        unused = [point for point in range(1, points + 1) if not (answers == point).any()]
        taken = (
            f"the scale was taken to end at the highest answer, {points}. If it has more points, give their "
            "number: --points N (points=N)"
        )
    else:
        unused, end = _gap_at_an_end(answers)
        taken = (
            f"the scale was taken to reach to {end}. If that means no answer, say so: --missing {end} "
            "--drop-empty; if not, name the scale: --limits LOW,HIGH"
        )
    if not unused:
        return []
    listed = " or ".join(str(point) for point in unused[:MAX_LISTED])
    return [
        Finding(
            level="warn",
            code="scale_gap",
            message=f"{prefix}no answer is {listed}, and {taken}.",
            n=len(unused),
            examples=tuple(str(point) for point in unused[:MAX_LISTED]),
        )
    ]


def _gap_at_an_end(answers: np.ndarray) -> tuple[list[int], int]:
    """Find unused points below the highest or above the lowest of whole numbers without another gap."""
    values = np.unique(answers)
    if values.size < 3 or values[-1] - values[0] > MAX_SPAN or (values != np.rint(values)).any():
        return [], 0
    steps = np.diff(values)
    for inner, low, end in ((steps[:-1], values[-2], values[-1]), (steps[1:], values[0], values[0])):
        gap = steps[-1] if end == values[-1] else steps[0]
        if gap > 1 and (inner == 1).all():
            return list(range(int(low) + 1, int(low + gap))), int(end)
    return [], 0


def _on_code(suspected: SuspectedCode, rows: pd.DataFrame, prefix: str, *, pairwise: bool) -> Finding:
    codes = ",".join(map(_written, suspected.values))
    values = " and ".join(
        number(value, 0 if value == round(value) else 2) if abs(value) < MAX_SHOWN else _written(value)
        for value in suspected.values
    )
    first = rows[rows["answer"].isin(suspected.values)].iloc[0]
    message = (
        f"{prefix}{suspected.n:,} of {counted(len(rows), 'answer')} {'is' if suspected.n == 1 else 'are'} "
        f"{values}, {suspected.why} (rater {first['rater']}, prompt {first['prompt']}). "
    )
    ends = "--limits LOW,HIGH" if pairwise else "--points N, or --limits LOW,HIGH"
    if suspected.is_certain:
        message += (
            f"If {'this means' if len(suspected.values) == 1 else 'these mean'} no answer, say so: "
            f"--missing {codes} --drop-empty; if not, name the scale: {ends}."
        )
    else:
        message += f"If it means no answer, say so: --missing {codes} --drop-empty."
    return Finding(
        level="refuse" if suspected.is_certain else "warn",
        code="missing_code",
        message=message,
        n=suspected.n,
        examples=tuple(f"{value:g}" for value in suspected.values),
    )


def _written(value: float) -> str:
    """Write a number so that `--missing` recognises it."""
    return str(int(value)) if value == round(value) and abs(value) < MAX_SHOWN else repr(float(value))


def _on_coding(judged: Rated, answers: np.ndarray, prefix: str) -> list[Finding]:
    """Refuse choices that may be coded as won and lost, or as the first and the second text."""
    if not isinstance(judged.scale, Preferences) or judged.scale.coding is not None or (answers < 0).any():
        return []
    n_zero, values = int((answers == 0).sum()), set(answers.tolist())
    if n_zero:
        coded = (
            f"{prefix}no choice is below 0, and {n_zero:,} of {answers.size:,} are 0. If 1 is won and 0 is "
            "lost, say so: --choices 1/0; if 0 is neither text: --choices signed."
        )
    elif values == {1.0, 2.0}:
        coded = (
            f"{prefix}all choices are 1 or 2. If 1 is the text of the column arm and 2 the other one, say "
            "so: --choices 1/2; if they are how strongly the text of arm was preferred: --choices signed."
        )
    elif len(values) > 1:
        listed = ", ".join(f"{value:g}" for value in sorted(values)[:MAX_LISTED])
        coded = (
            f"{prefix}all choices are above 0 ({listed}), so that the text of the column arm would have "
            "been chosen every time. If the scale leads from one text to the other, make its middle 0; "
            "if 1 is the text of arm and 2 the other one, --choices 1/2 takes no further values; if all "
            "are how strongly the text of arm was preferred: --choices signed."
        )
    else:
        return []
    return [Finding(level="refuse", code="choice_coding", message=coded, n=n_zero or answers.size)]
