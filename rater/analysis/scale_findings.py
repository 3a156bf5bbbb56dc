"""Find what is suspicious about the scale of external ratings: codes for "no answer", gaps, other codings."""

import numpy as np
import pandas as pd

from rater.analysis.finding import MAX_LISTED, Finding
from rater.analysis.missing_codes import SuspectedCode, find_missing_codes
from rater.analysis.scales import Judged, Preferences, Rated, is_pairwise, points_of
from rater.analysis.wording import counted, number


def diagnose_scale(judged: Judged, rows: pd.DataFrame, *, prefix: str) -> list[Finding]:
    """Find what is suspicious about the answers on a dimension, where nobody named its scale."""
    if not isinstance(judged, Rated) or not judged.is_inferred or rows.empty:
        return []
    answers = rows["answer"].to_numpy(dtype=np.float64)
    pairwise = is_pairwise(judged)
    findings = []
    suspected = find_missing_codes(answers, is_pairwise=pairwise)
    if suspected is not None:
        findings.append(_on_code(suspected, rows, prefix))
    if pairwise:
        return findings + _on_coding(judged, answers, prefix)
    points = points_of(judged)
    unused = [point for point in range(1, (points or 0) + 1) if not (answers == point).any()]
    if unused:
        listed = " or ".join(str(point) for point in unused[:MAX_LISTED])
        findings.append(
            Finding(
                level="warn",
                code="scale_gap",
                message=(
                    f"{prefix}no answer is {listed}, and the scale was taken to end at the highest answer, "
                    f"{points}. If it has more points, give their number: --points N (points=N)."
                ),
                n=len(unused),
                examples=tuple(str(point) for point in unused[:MAX_LISTED]),
            )
        )
    return findings


def _on_code(suspected: SuspectedCode, rows: pd.DataFrame, prefix: str) -> Finding:
    values = " and ".join(number(value, 0 if value == round(value) else 2) for value in suspected.values)
    codes = ",".join(f"{value:g}" for value in suspected.values)
    first = rows[rows["answer"].isin(suspected.values)].iloc[0]
    message = (
        f"{prefix}{suspected.n:,} of {counted(len(rows), 'answer')} {'is' if suspected.n == 1 else 'are'} "
        f"{values}, and {suspected.why} (rater {first['rater']}, prompt {first['prompt']}). "
    )
    if suspected.is_certain:
        message += (
            f"If {'this means' if len(suspected.values) == 1 else 'these mean'} no answer, say so: "
            f"--missing {codes} --drop-empty; if not, name the scale: --points N, or --limits LOW,HIGH."
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
    else:
        return []
    return [Finding(level="refuse", code="choice_coding", message=coded, n=n_zero or answers.size)]
