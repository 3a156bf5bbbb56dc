"""Prepare a frame for its analysis: recode choices, leave copies out, mark repeats, tell texts apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.planned import Planned
from rater.analysis.preferences import require_pairs
from rater.analysis.repeats import Repeats, resolve_repeats
from rater.analysis.scales import Judged, Preferences, is_pairwise
from rater.analysis.validation import require_on_scale, validate_frame
from rater.errors import RaterError

MAX_EXAMPLES = 3
_CODES = {"1/0": (1.0, 0.0), "1/2": (1.0, 2.0)}
"""The answers for the text of ``arm`` and for the other one, by coding; any other is signed already."""


@dataclass(frozen=True)
class SharedIds:
    """Ids of texts that the frame uses under several prompts or arms."""

    n: int
    n_ids: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A frame that is ready for its analysis, and what was found on the way."""

    frame: pd.DataFrame
    n_rows: int
    """Rows before any were left out."""
    repeats: Repeats
    shared_ids: SharedIds | None
    """None where every id is that of one text."""


def prepare(frame: pd.DataFrame, planned: Planned) -> Prepared:
    """Prepare a frame; it is left as it is, and its rows keep their order.

    Raises:
        RaterError: If it is not valid, or an answer is not on its dimension's scale.
    """
    frame = validate_frame(frame)
    for judged in planned.dimensions:
        frame = _recode(frame, judged)
        require_on_scale(frame, judged)
        if is_pairwise(judged):
            require_pairs(frame, judged.name)
    n_rows = len(frame)
    frame, repeats = resolve_repeats(frame)
    frame, shared = tell_texts_apart(frame, has_ids=repeats.has_ids)
    return Prepared(frame, n_rows, repeats, shared)


def _recode(frame: pd.DataFrame, judged: Judged) -> pd.DataFrame:
    """Write choices that are coded as won and lost, or as the first and the second text, with a sign."""
    if not isinstance(judged.scale, Preferences) or judged.scale.coding not in _CODES:
        return frame
    won, lost = _CODES[judged.scale.coding]
    of = (frame["dimension"] == judged.name).to_numpy()
    answers = frame["answer"].to_numpy(dtype=np.float64)
    wrong = of & ~np.isin(answers, [won, lost]) & ~np.isnan(answers)
    if wrong.any():
        row = frame[wrong].iloc[0]
        msg = (
            f"answer is {row['answer']:g} (rater {row['rater']}, item {row['item']}), but choices coded "
            f"{judged.scale.coding} are {won:g} or {lost:g}"
        )
        raise RaterError(msg)
    return frame.assign(answer=np.where(of & (answers == lost), -1.0, answers))


def tell_texts_apart(frame: pd.DataFrame, *, has_ids: bool = True) -> tuple[pd.DataFrame, SharedIds | None]:
    """Name texts by prompt, arm and id, where an id is used under several prompts or arms."""
    if not has_ids or frame.empty:
        return frame, None
    texts = [frame[["item", "prompt", "arm"]]]
    if "other_item" in frame.columns and "other_arm" in frame.columns:
        others = frame[["other_item", "prompt", "other_arm"]].dropna()
        texts.append(others.set_axis(["item", "prompt", "arm"], axis=1))
    each = pd.concat(texts).astype(str).drop_duplicates()
    times = each["item"].value_counts(sort=False)
    shared = times[times > 1]
    if shared.empty:
        return frame, None
    examples = []
    for item in sorted(shared.index)[:MAX_EXAMPLES]:
        places = each[each["item"] == item].iloc[:2]
        under = " and ".join((places["prompt"] + " · " + places["arm"]).tolist())
        examples.append(f"{item} ({under})")
    columns = {"item": _named(frame["prompt"], frame["arm"], frame["item"])}
    if len(texts) > 1:
        columns["other_item"] = _named(frame["prompt"], frame["other_arm"], frame["other_item"])
    return frame.assign(**columns), SharedIds(len(shared), len(times), tuple(examples))


def _named(prompt: pd.Series, arm: pd.Series, item: pd.Series) -> pd.Series:
    name = prompt.astype(str) + " · " + arm.astype(str) + " · " + item.astype(str)
    return name.where(item.notna(), None)
