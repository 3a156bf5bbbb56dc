"""Write an analysis as JSON and its ratings as CSV; the same input gives the same bytes.

Only their owner can read the files: they have arms, and raters' words.
"""

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
from rater.tables.write import order_columns, write_csv_file, write_private

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def to_json(analysis: Analysis, about: Mapping[str, Json] | None = None) -> str:
    """Serialise an analysis as strict JSON (no NaN), keys in the order of the dataclasses' fields.

    ``about`` says which study it is, under which commitment, and how it came to be seen. Each test is an
    object with ``kind``: ``result``, or ``not_estimable`` with its ``reason``.
    """
    content = {"rater_version": rater.__version__, "about": dict(about or {}), **_object(analysis)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(analysis: Analysis, path: Path, about: Mapping[str, Json] | None = None) -> None:
    """Write an analysis as a JSON file in UTF-8."""
    write_private(path, to_json(analysis, about))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as a tidy CSV: one row an answer, sorted, in the form of `rater.tables.write`."""
    columns = order_columns(frame.columns)
    rows = frame[columns].sort_values(columns, kind="stable", na_position="last")
    values = [rows[column].astype(object).tolist() for column in columns]
    write_csv_file(path, columns, zip(*values, strict=True))


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
