"""Write an analysis as JSON and its ratings as CSV, JSON Lines or Parquet.

Only their owner can read the files, which contain arms and raters' comments.
"""

import dataclasses
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from pydantic import BaseModel

import rater
from rater.analysis.primary import Analysis
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError
from rater.tables.write import NOTE as FORMULAS
from rater.tables.write import make_private, order_columns, write_csv_file, write_private

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def to_json(analysis: Analysis, about: Mapping[str, Json] | None = None) -> str:
    """Serialise an analysis as strict JSON (no NaN), keys in the order of the dataclasses' fields.

    ``about`` describes the study, its commitment and its looks. Each test is an object with ``kind``:
    ``result``, or ``not_estimable`` with its ``reason``.
    """
    content = {"rater_version": rater.__version__, "about": dict(about or {}), **_object(analysis)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(analysis: Analysis, path: Path, about: Mapping[str, Json] | None = None) -> None:
    """Write an analysis as a JSON file in UTF-8."""
    write_private(path, to_json(analysis, about))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as a tidy, sorted CSV with one row per answer, in the format of `rater.tables.write`."""
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
    """Convert dataclasses, models, mappings and lists of plain values to JSON values."""
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


FORMATS = (".csv", ".jsonl", ".parquet")


def require_format(path: Path) -> None:
    """Check in advance that a table can be written in the format of a file name.

    Raises:
        RaterError: The format is unknown, or a package that it needs is not installed.
    """
    if path.suffix not in FORMATS:
        msg = f"{path} has no valid file extension. Valid: {', '.join(FORMATS)}."
        raise RaterError(msg)
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        msg = f"Writing {path} needs pyarrow, which is not installed. Run: pip install pyarrow"
        raise RaterError(msg)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table in the format of the file extension.

    Raises:
        RaterError: The format is unknown, or a package that it needs is not installed.
    """
    require_format(path)
    if path.suffix == ".csv":
        write_csv(frame, path)
    elif path.suffix == ".jsonl":
        lines = frame.to_json(
            orient="records", lines=True, date_format="iso", date_unit="us", force_ascii=False
        )
        write_private(path, lines)
    else:
        make_private(path)
        plain = frame.copy(deep=False)
        plain.attrs = {}  # reading notes, which Parquet metadata cannot hold
        plain.to_parquet(path, engine="pyarrow", index=False)


def write_dictionary(entries: Mapping[str, tuple[str, str]], frame: pd.DataFrame, path: Path) -> None:
    """Write a data dictionary as JSON: meaning, visibility and type of each column."""
    _write_json(_described(entries, frame), path)


def write_dictionaries(
    tables: Mapping[str, tuple[Mapping[str, tuple[str, str]], pd.DataFrame]], path: Path
) -> None:
    """Write the data dictionaries of several tables, by name, into one file."""
    _write_json({name: _described(entries, frame) for name, (entries, frame) in tables.items()}, path)


def _described(entries: Mapping[str, tuple[str, str]], frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    described = {}
    for column, (meaning, seen_by) in entries.items():
        described[column] = {"meaning": meaning, "seen_by": seen_by, "type": str(frame[column].dtype)}
        if holds_text(frame[column]):
            described[column]["in_csv"] = FORMULAS
    return described


def holds_text(column: "pd.Series[str]") -> bool:
    """Return whether a column holds texts, which CSV files escape against formula injection."""
    return any(isinstance(value, str) for value in column)


def _write_json(content: Mapping[str, object], path: Path) -> None:
    write_private(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
