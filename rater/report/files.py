"""Write tidy data as CSV, JSON Lines or Parquet, with a dictionary of all columns next to it."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from rater.errors import RaterError
from rater.report.export import write_csv
from rater.tables.formulas import NOTE as FORMULAS
from rater.tables.write import make_private, write_private

FORMATS = (".csv", ".jsonl", ".parquet")


def require_format(path: Path) -> None:
    """Refuse a table's file whose name ends in nothing that can be written here, before the work.

    Raises:
        RaterError: there is no such format, or what it needs is not installed.
    """
    if path.suffix not in FORMATS:
        msg = f"{path} does not end in a format that can be written. Valid: {', '.join(FORMATS)}."
        raise RaterError(msg)
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        msg = f"Writing {path} needs pyarrow, which is not installed. Run: pip install pyarrow"
        raise RaterError(msg)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table in the format that the file's name ends in.

    Raises:
        RaterError: there is no such format, or what it needs is not installed.
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
        plain.attrs = {}  # notes on how the frame came about, which Parquet's metadata cannot hold
        plain.to_parquet(path, engine="pyarrow", index=False)


def write_dictionary(entries: Mapping[str, tuple[str, str]], frame: pd.DataFrame, path: Path) -> None:
    """Write what each column means, who may see it, and its type, as JSON."""
    _write_json(_described(entries, frame), path)


def write_dictionaries(
    tables: Mapping[str, tuple[Mapping[str, tuple[str, str]], pd.DataFrame]], path: Path
) -> None:
    """Write the same of several tables, by name, into one file."""
    _write_json({name: _described(entries, frame) for name, (entries, frame) in tables.items()}, path)


def _described(entries: Mapping[str, tuple[str, str]], frame: pd.DataFrame) -> dict[str, dict[str, str]]:
    described = {}
    for column, (meaning, seen_by) in entries.items():
        described[column] = {"meaning": meaning, "seen_by": seen_by, "type": str(frame[column].dtype)}
        if holds_text(frame[column]):
            described[column]["in_csv"] = FORMULAS
    return described


def holds_text(column: "pd.Series[str]") -> bool:
    """Return whether a column holds texts, which a CSV writes so that no spreadsheet runs them."""
    return any(isinstance(value, str) for value in column)


def _write_json(content: Mapping[str, object], path: Path) -> None:
    write_private(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
