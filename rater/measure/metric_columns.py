"""Add metrics as columns to a data frame of texts."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pandas as pd

from rater.errors import StudyError, nearest
from rater.measure.metric import FunctionMetric, Measured, Metric, Shown

AnyMetric: TypeAlias = Metric | Callable[[list[str]], Any]
"""A metric, or a function from a list of texts to as many numbers."""


def measure(
    frame: pd.DataFrame,
    metrics: Mapping[str, AnyMetric],
    *,
    text: str = "text",
    prompt: str = "prompt",
    with_prompt: bool = False,
) -> pd.DataFrame:
    """Return a copy of a data frame with a column for each metric of its texts.

    The column of a value has the metric's name, or the name with an ending where a metric has several
    results: a classifier adds ``NAME_label``, ``NAME_score`` and ``NAME_is_positive``, a judge ``NAME`` and
    ``NAME_reply``. A value that is missing is empty, and ``NAME_reason`` has the reason; that column is there
    if a value is missing. Metrics see the columns of texts and prompts, and no other one.

    Args:
        frame: One row for each text, such as `rater.steering.to_frame` returns.
        metrics: Metrics by name: those of `rater.measure`, or functions from a list of texts to as many
            numbers.
        text: The column of texts.
        prompt: The column of prompts, where there is one.
        with_prompt: Whether a text is measured together with the prompt before it.

    Raises:
        StudyError: a column is missing or exists already, or a metric is not usable or compares pairs.
    """
    if text not in frame.columns:
        msg = f"The frame has no column {text!r}; name the column of texts with text=."
        raise StudyError(msg + nearest(text, map(str, frame.columns)))
    prompts = frame[prompt].astype(str) if prompt in frame.columns else pd.Series("", index=frame.index)
    texts = frame[text].astype(str)
    if with_prompt:
        texts = prompts + texts
    units = [(Shown(*each),) for each in zip(prompts, texts, strict=True)]
    measured = frame.copy()
    for name, given in metrics.items():
        metric = given if isinstance(given, Metric) else FunctionMetric(given, name)
        if metric.n_texts != 1:
            msg = (
                f"The metric {name!r} compares two texts, and a row has one; valid: a judge of single texts."
            )
            raise StudyError(msg)
        found = dict(metric.measure(units))
        for column, values in _columns(name, metric, [found[index] for index in range(len(units))]).items():
            if column in frame.columns:
                msg = f"The frame has a column {column!r} already; give the metric {name!r} another name."
                raise StudyError(msg)
            measured[column] = pd.Series(values, index=frame.index, dtype=_type_of(values))
    return measured


def _columns(name: str, metric: Metric, found: list[Measured]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {f"{name}{metric.ending}": [each.value for each in found]}
    endings = dict.fromkeys(ending for each in found for ending in each.columns)
    columns |= {f"{name}{ending}": [each.columns.get(ending) for each in found] for ending in endings}
    if metric.kind == "judge":
        columns[f"{name}_reply"] = [each.reply for each in found]
    if any(each.reason for each in found):
        columns[f"{name}_reason"] = [each.reason for each in found]
    return columns


def _type_of(values: list[object]) -> str:
    """Return the type of a column: floats, where a missing one is NaN, or objects."""
    return "float64" if all(value is None or isinstance(value, float) for value in values) else "object"
