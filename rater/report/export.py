"""Write an analysis as JSON and its ratings as CSV; the same input gives the same bytes."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from pydantic import BaseModel

import rater
from rater.analysis.primary import Analysis
from rater.analysis.results import NotEstimable, Result

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

FIRST_COLUMNS = ("rater", "position", "item", "prompt", "arm", "dimension", "answer", "shown_ms")
"""How a CSV begins; other columns follow by name. Its rows are in the order of these columns, too."""


def to_json(analysis: Analysis, about: Mapping[str, Json] | None = None) -> str:
    """Serialise an analysis as strict JSON (no NaN), keys in the order of the dataclasses' fields.

    ``about`` says which study it is, under which commitment, and how it came to be seen. Each test is an
    object with ``kind``: ``result``, or ``not_estimable`` with its ``reason``.
    """
    content = {"rater_version": rater.__version__, "about": dict(about or {}), **_object(analysis)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(analysis: Analysis, path: Path, about: Mapping[str, Json] | None = None) -> None:
    """Write an analysis as a JSON file in UTF-8."""
    path.write_text(to_json(analysis, about), encoding="utf-8", newline="\n")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write ratings as a tidy CSV: one row an answer, sorted, ISO times in UTC, empty for no value."""
    known = [column for column in FIRST_COLUMNS if column in frame.columns]
    columns = [*known, *sorted(set(frame.columns) - set(known))]
    rows = frame[columns].sort_values(columns, kind="stable", na_position="last")
    written = rows.apply(_plain_column)
    path.write_text(written.to_csv(index=False, lineterminator="\n"), encoding="utf-8", newline="\n")


def _object(value: object) -> dict[str, Json]:
    kind: dict[str, Json] = {}
    if isinstance(value, Result):
        kind["kind"] = "result"
    elif isinstance(value, NotEstimable):
        kind["kind"] = "not_estimable"
    assert dataclasses.is_dataclass(value)  # noqa: S101 (the callers pass nothing else)
    return kind | {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}


def as_json(value: object) -> Json:
    """Turn our dataclasses, models, mappings and lists of plain values into what JSON has."""
    if dataclasses.is_dataclass(value):
        return _object(value)
    if isinstance(value, BaseModel):
        dumped: Json = value.model_dump(mode="json")
        return dumped
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str), value  # noqa: S101 (our own dataclasses)
    return value


def _plain_column(column: "pd.Series[float]") -> pd.Series:
    """Write times as ISO 8601 in UTC and whole numbers without a decimal point."""
    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True)
        return times.map(lambda time: time.isoformat().replace("+00:00", "Z"), na_action="ignore")
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        return column.astype("Int64")
    return column
