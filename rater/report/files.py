"""Write tidy data as JSON Lines or Parquet, with a dictionary of all columns beside it."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from rater.errors import RaterError
from rater.report.export import write_csv

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
        path.write_text(lines, encoding="utf-8", newline="\n")
    else:
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
    return {
        column: {"meaning": meaning, "seen_by": seen_by, "type": str(frame[column].dtype)}
        for column, (meaning, seen_by) in entries.items()
    }


def _write_json(content: Mapping[str, object], path: Path) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
