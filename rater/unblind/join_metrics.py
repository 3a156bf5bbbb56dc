"""Join the values of metrics to the items that raters saw."""

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from rater.analysis.metric_values import VALUE_COLUMNS, MetricValues
from rater.store.sealed.measurements import (
    CAUTION,
    DESCRIPTION,
    N_TEXTS,
    REPEATS,
    KeptMetric,
    NewMeasurement,
    hash_shown,
)
from rater.unblind.verify_key import Opened


def join_metrics(opened: Opened) -> tuple[MetricValues, ...]:
    """Return each metric with its values by item; those of texts that were changed since are left out.

    A pair is turned to the text whose arm comes first in the study, as raters' choices are.
    """
    items = {completion.id: item for item, completion in opened.completions.items()}
    return tuple(_join(metric, measured, opened, items) for metric, measured in opened.measured)


def _join(
    metric: KeptMetric, measured: list[NewMeasurement], opened: Opened, items: Mapping[int, str]
) -> MetricValues:
    repeats = int(metric.definition.get(REPEATS, 1))
    is_pairwise = int(metric.definition.get(N_TEXTS, 1)) > 1
    rows = [
        _row(each, opened, items)
        for each in measured
        if each.texts.first in items and each.texts.shown_hash == _hash(each, opened, items)
    ]
    frame = pd.DataFrame(rows, columns=list(VALUE_COLUMNS))
    return MetricValues(
        name=metric.name,
        kind=metric.kind,
        dimension=metric.dimension,
        description=str(metric.definition.get(DESCRIPTION, metric.name)),
        n_planned=repeats * (_n_pairs(opened) if is_pairwise else len(items)),
        rows=frame.astype({"value": "float64", "is_swapped": bool}),
        caution=str(metric.definition.get(CAUTION, "")),
    )


def _n_pairs(opened: Opened) -> int:
    """Count the pairs of texts of one prompt and sample, in both orders."""
    study = opened.study
    n_samples = len(study.rated_items) * study.sampling.samples_per_prompt
    return 2 * n_samples * len(list(combinations(study.arm_names, 2)))


def _hash(each: NewMeasurement, opened: Opened, items: Mapping[int, str]) -> str:
    ids = dict.fromkeys((each.texts.first, each.texts.second))
    shown: list[dict[str, object]] = []
    for completion in ids:
        item = opened.study.rated_items[opened.cells[items[completion]].prompt_index]
        shown.append({"prompt": item.prompt, "text": opened.texts[items[completion]], "fields": item.fields})
    return hash_shown(shown)


def _row(each: NewMeasurement, opened: Opened, items: Mapping[int, str]) -> tuple[object, ...]:
    first, second = items[each.texts.first], items[each.texts.second]
    if first == second:
        return (first, None, each.texts.repeat, False, each.value, each.reason)
    arms = opened.study.arm_names
    is_swapped = arms.index(opened.cells[first].arm) > arms.index(opened.cells[second].arm)
    item, other = (second, first) if is_swapped else (first, second)
    # an answer is below 0 for the text that is shown first
    value = None if each.value is None else (each.value if is_swapped else -each.value) + 0.0
    return (item, other, each.texts.repeat, is_swapped, value, each.reason)
