"""Prepare a frame for analysis: recode choices, drop copies, and mark repeated answers.

The rules, in this order (statistics.md section 13 counts an answer once):

- A row that equals an earlier one in every column is a copy, and is left out.
- Where positions are known, a later answer is a repeated trial: it enters test–retest agreement and no test.
  A rater's repeats that give the same answers in the same order are a copy of a session, and are left out;
  so are many repeats of which none differs.
- Where they are not, the first answer in the table is kept, and later ones are left out.
- Without ids of texts, several answers of a rater to one prompt and arm are copies if none differ (or a
  second submission, if few raters have them), and else answers about several texts.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.cell_scores import name_prompts_by_concept
from rater.analysis.composites import add_composites
from rater.analysis.group_trials import TRIAL
from rater.analysis.plan import Planned
from rater.analysis.reading_notes import reading_of
from rater.analysis.validation import flags, require_on_scale, validate_frame

Mask = NDArray[np.bool_]

MIN_SESSION = 5
"""Fewer equal answers in the same order can be a true repetition."""
MIN_COPIES = 20
"""The number of identical repeats from which they are copies: people are less consistent."""
MAX_FEW_RATERS = 0.5
MAX_LOST_SHARE = 1 / 3
"""If more answers than this are second ones, of most raters, the ids do not identify texts."""


@dataclass(frozen=True)
class Again:
    """Rows of one kind that answer about a text again."""

    n: int = 0
    raters: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The repeated answers of a frame, by kind."""

    has_ids: bool
    copies: Again = Again()
    """Rows left out, because they equal an earlier one."""
    sessions: Again = Again()
    """Rows left out, because they repeat a whole session, with new positions."""
    second: Again = Again()
    """Rows left out, because their rater had answered about the text before, with another answer."""
    several: Again = Again()
    """Rows taken for answers about other texts of the same prompt and arm, since no id identifies them."""
    trials: Again = Again()
    """Rows that positions show to be repeated trials."""
    restarts: tuple[str, ...] = ()
    """Raters whose positions begin anew, as in two sessions."""
    unmatched: Again = Again()
    """Rows that the table marks as repeats, though their rater has no other answer about the text."""
    ids_do_not_tell: bool = False
    """True if there are too many second answers for the ids to identify texts."""


def resolve_repeats(frame: pd.DataFrame) -> tuple[pd.DataFrame, Repeats]:
    """Leave copies and second submissions out of a valid frame, and mark repeated trials."""
    has_ids = _has_ids(frame)
    if len(frame) == 0:
        return frame, Repeats(has_ids=has_ids)
    reading = reading_of(frame)
    is_inferred = "is_repeat" not in frame.columns or bool(reading and reading.n_repeats)
    texts = _texts(frame)
    first = np.ones(len(frame), dtype=np.bool_) if is_inferred else ~flags(frame, "is_repeat")
    if not texts[first].duplicated().any() and is_inferred:
        return frame, Repeats(has_ids=has_ids, restarts=_restarts(frame))
    repeats = Repeats(has_ids=has_ids)
    if has_ids or not is_inferred:
        copies = _rows(frame, marked=not is_inferred).duplicated().to_numpy()
        repeats = replace(repeats, copies=_again(frame, copies))
        frame, texts, first = frame[~copies], texts[~copies], first[~copies]
    code = texts.groupby(list(texts.columns), sort=False).ngroup().to_numpy()
    # marked as repeats of an answer that is not there
    unmatched = _again(frame, ~first & ~np.isin(code, code[first]))
    repeats = replace(repeats, restarts=_restarts(frame), unmatched=unmatched)
    if not texts[first].duplicated().any():
        if is_inferred and "is_repeat" in frame.columns:
            frame = frame.assign(is_repeat=False)
        return frame.reset_index(drop=True), repeats
    if not has_ids:
        kept, repeats = _without_ids(frame, texts, repeats)
    elif "position" in frame.columns and frame["position"].notna().all() and is_inferred:
        frame, kept, repeats = _by_position(frame, texts, repeats)
    else:
        kept, repeats = _by_row(frame, texts, first, repeats)
    return frame[kept].reset_index(drop=True), repeats


def _has_ids(frame: pd.DataFrame) -> bool:
    """Return whether texts have ids of their own; `read` names them by prompt and arm where they have not."""
    made = frame["prompt"].astype(str) + " · " + frame["arm"]
    return not bool((frame["item"].astype(str) == made).all())


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Name each row's rater, dimension, prompt and text, or pair of texts, whichever is named first."""
    named = [name for name in ("rater", "dimension", "prompt", TRIAL) if name in frame.columns]
    keys = {name: frame[name] for name in named}
    item = frame["item"].astype(str)
    text = frame["arm"] + "\x1f" + item
    if "other_arm" not in frame.columns or frame["other_arm"].isna().all():
        return pd.DataFrame({**keys, "text": text})
    other_arm = frame["other_arm"].fillna("")
    if "other_item" in frame.columns:
        other = other_arm + "\x1f" + frame["other_item"].fillna("").astype(str)
    else:  # an id is the pair's; without one, the pair is that of its prompt
        pair = item if _has_ids(frame) else ""
        text, other = frame["arm"] + "\x1f" + pair, other_arm + "\x1f" + pair
    return pd.DataFrame(
        {**keys, "text": text.where(text <= other, other), "other": other.where(text <= other, text)}
    )


def _turned(frame: pd.DataFrame) -> pd.Series:
    """Return the answers, those of a pair turned to the arm that comes first by name."""
    if "other_arm" not in frame.columns:
        return frame["answer"]
    sign = np.where(frame["other_arm"].notna() & (frame["arm"] > frame["other_arm"].fillna("")), -1.0, 1.0)
    return frame["answer"] * sign


def _rows(frame: pd.DataFrame, *, marked: bool) -> pd.DataFrame:
    """Return everything that is known of each row, for comparing rows with each other."""
    columns = (
        "position",
        "shown_ms",
        "first_render_ms",
        "hidden_ms",
        "guess",
        "cannot_judge",
        "not_applicable",
    )
    known = [name for name in (*columns, *(("is_repeat",) if marked else ())) if name in frame.columns]
    return pd.concat([_texts(frame), _turned(frame).rename("answer"), frame[known]], axis=1)


def _again(frame: pd.DataFrame, rows: Mask) -> Again:
    if not rows.any():
        return Again()
    of = frame[rows]
    raters = tuple(sorted(set(of["rater"].astype(str))))
    examples = tuple(
        f"{rater} on {item}" for rater, item in zip(of["rater"].iloc[:3], of["item"].iloc[:3], strict=True)
    )
    return Again(int(rows.sum()), raters, examples)


def _restarts(frame: pd.DataFrame) -> tuple[str, ...]:
    """List raters with two trials at one position."""
    if "position" not in frame.columns:
        return ()
    at = frame[frame["position"].notna()]
    # the texts of a group share its position
    twice = at.duplicated(["rater", "dimension", "position", *(("place",) if "place" in at.columns else ())])
    return tuple(sorted(set(at.loc[twice, "rater"].astype(str))))


def _by_position(
    frame: pd.DataFrame, texts: pd.DataFrame, repeats: Repeats
) -> tuple[pd.DataFrame, Mask, Repeats]:
    """Mark later answers as repeated trials, and leave copies of sessions out.

    The order is that of positions; for raters whose positions begin anew it is that of the rows.
    """
    row = np.arange(len(frame))
    restarts = frame["rater"].astype(str).isin(repeats.restarts).to_numpy()
    order = np.lexsort((row, np.where(restarts, row, frame["position"].to_numpy(dtype=np.float64))))
    rank = np.empty(len(frame), dtype=np.intp)
    rank[order] = row
    code = texts.groupby(list(texts.columns), sort=False).ngroup().to_numpy()
    table = pd.DataFrame({"rater": frame["rater"].to_numpy(), "text": code, "rank": rank})
    table["answer"] = _turned(frame).to_numpy()
    in_order = table.sort_values("rank")
    later = in_order.duplicated("text").reindex(table.index).to_numpy()
    first = in_order.drop_duplicates("text").set_index("text")
    table["first_rank"] = first["rank"].reindex(code).to_numpy()
    table["is_same"] = table["answer"].to_numpy() == first["answer"].reindex(code).to_numpy()
    copied = np.zeros(len(frame), dtype=np.bool_)
    for _, again in table[later].groupby("rater", sort=False):
        ordered = again.sort_values("rank")
        if (
            len(again) >= MIN_SESSION
            and again["is_same"].all()
            and ordered["first_rank"].is_monotonic_increasing
        ):
            copied[again.index.to_numpy()] = True
    copied |= _all_copied(table, later)
    frame = frame.assign(is_repeat=later)
    trials = _again(frame, later & ~copied)
    return frame, ~copied, replace(repeats, sessions=_again(frame, copied), trials=trials)


def _all_copied(table: pd.DataFrame, later: Mask) -> Mask:
    """Mark all later answers where none of many differs from the first one, in whatever order they came."""
    again = table[later]
    is_copy = len(again) >= MIN_COPIES and again["is_same"].all() and again["answer"].nunique() > 1
    return later if is_copy else np.zeros(len(table), dtype=np.bool_)


def _by_row(frame: pd.DataFrame, texts: pd.DataFrame, first: Mask, repeats: Repeats) -> tuple[Mask, Repeats]:
    """Keep the first of a rater's answers to a text, in the order of the rows."""
    again = np.zeros(len(frame), dtype=np.bool_)
    again[first] = texts[first].duplicated().to_numpy()
    differs = again & _differs(frame, texts)
    same = again & ~differs
    copies = Again(
        repeats.copies.n + int(same.sum()),
        tuple(sorted({*repeats.copies.raters, *_again(frame, same).raters})),
        repeats.copies.examples or _again(frame, same).examples,
    )
    second = _again(frame, differs)
    n_raters = frame["rater"].nunique()
    lost = second.n > MAX_LOST_SHARE * len(frame) and len(second.raters) > MAX_FEW_RATERS * n_raters
    return ~again, replace(repeats, copies=copies, second=second, ids_do_not_tell=lost)


def _without_ids(frame: pd.DataFrame, texts: pd.DataFrame, repeats: Repeats) -> tuple[Mask, Repeats]:
    """Distinguish copies and second submissions from answers about several texts of a prompt and arm."""
    again = texts.duplicated().to_numpy()
    differs = again & _differs(frame, texts)
    concerned = set(frame.loc[again, "rater"])
    few = len(concerned) <= MAX_FEW_RATERS * frame["rater"].nunique()
    if few or not differs.any():
        return ~again, replace(repeats, copies=_again(frame, again & ~differs), second=_again(frame, differs))
    return np.ones(len(frame), dtype=np.bool_), replace(repeats, several=_again(frame, again))


def _differs(frame: pd.DataFrame, texts: pd.DataFrame) -> Mask:
    """Mark rows whose answer is another than the first one to the same text."""
    code = texts.groupby(list(texts.columns), sort=False).ngroup().to_numpy()
    answers = pd.Series(_turned(frame).to_numpy())
    first = answers.groupby(code).transform("first")
    return np.asarray((answers != first) & ~(answers.isna() & first.isna()), dtype=np.bool_)


MAX_EXAMPLES = 3


@dataclass(frozen=True)
class SharedIds:
    """Ids of texts that the frame uses under several prompts or arms."""

    n: int
    n_ids: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class PreparedFrame:
    """A frame that is ready for its analysis, and what was found on the way."""

    frame: pd.DataFrame
    """The answers, and in further rows the composite scores."""
    rated: pd.DataFrame
    """The answers alone."""
    n_rows: int
    """Rows before any were left out."""
    repeats: Repeats
    shared_ids: SharedIds | None
    """None where every id is that of one text."""


def prepare(frame: pd.DataFrame, planned: Planned) -> PreparedFrame:
    """Prepare a frame; it is left as it is, and its rows keep their order.

    Raises:
        RaterError: If it is not valid, or an answer is not on its dimension's scale.
    """
    frame = name_prompts_by_concept(validate_frame(frame))
    for judged in planned.rated:
        kind = kind_of(judged)
        frame = kind.recode(frame, judged)
        require_on_scale(frame, judged)
        kind.require(frame, judged)
    n_rows = len(frame)
    frame, repeats = resolve_repeats(frame)
    frame, shared = tell_texts_apart(frame, has_ids=repeats.has_ids)
    with_composites = add_composites(frame, planned.dimensions)
    return PreparedFrame(with_composites, frame, n_rows, repeats, shared)


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
