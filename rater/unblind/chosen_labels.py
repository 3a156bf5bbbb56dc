"""Add to a rating frame which label was chosen, which is correct, and the order in which they were shown."""

import pandas as pd

from rater.store.dictionary import Meaning
from rater.store.rating.export import GIVEN_LABELS
from rater.study.study import Study
from rater.study.targets import find_target
from rater.unblind.verify_key import Opened

LABEL_COLUMNS = ("chosen", "target", "options")
"""The additional columns of a rating frame with choices among labels; empty on other dimensions."""
LABEL_MEANINGS = {
    **GIVEN_LABELS,
    "target": Meaning("In a choice among labels, the label that is correct for the text.", "sealed"),
}


def has_label_choices(study: Study) -> bool:
    """Return whether raters choose among labels on a dimension of a study."""
    return any(each.scale.has_target for each in study.dimensions)


def add_labels(frame: pd.DataFrame, opened: Opened) -> pd.DataFrame:
    """Score choices among labels, 1 for the target and 0 otherwise, and add `LABEL_COLUMNS`.

    A frame of a study without such choices is returned as it is.

    Args:
        frame: One row for each answer, whose choices among labels are the numbers of the options.
        opened: The opened key of the study.
    """
    study = opened.study
    scales = {each.name: each.scale for each in study.dimensions if each.scale.has_target}
    if not scales:
        return frame
    items, targets = study.rated_items, study.analysis.targets
    answers = frame["answer"].to_numpy(dtype="float64", copy=True)
    labels: list[tuple[str | None, str | None, str | None]] = []
    columns = (frame[name] for name in ("rater", "item", "arm", "dimension"))
    for row, (rater, item, arm, dimension) in enumerate(zip(*columns, strict=True)):
        scale = scales.get(dimension)
        if scale is None:
            labels.append((None, None, None))
            continue
        fields = items[opened.cells[item].prompt_index].fields
        target, given = find_target(scale, arm, fields, targets), answers[row]
        chosen = None if pd.isna(given) else scale.name_value(given)
        labels.append((chosen, target, scale.list_shown(rater)))
        if chosen is not None:
            answers[row] = float(chosen == target)
    added = pd.DataFrame(labels, columns=list(LABEL_COLUMNS), index=frame.index, dtype=object)
    return pd.concat([frame.assign(answer=answers), added], axis=1)
