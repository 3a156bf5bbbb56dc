"""Values of a judge or metric that another program made: a table, or a log of Inspect.

A row belongs to the text that its ``item`` names, or to the text that equals its ``text`` (and ``prompt``,
where the file has one), apart from blanks at the ends. Texts without a row get no value. rater cannot know
whether the program saw the arms; a file with a column of arms is marked, and the report shows the doubt.

Inspect writes logs as JSON, or as a zip (``.eval``) with a JSON file for each sample. Of a sample the value
of its score is read. Its id, or ``item`` in its metadata, names the item; otherwise ``text`` (and ``prompt``)
in its metadata or its input is the text. C, P and I (correct, partial, incorrect) are 1, 0.5 and 0, as in
Inspect.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rater.errors import TableError, listed, nearest
from rater.measure.judge_question import NOT_AN_ANSWER
from rater.measure.metric import NO_NUMBER, Measured, Metric, Shown, Unit
from rater.study.dimension import Dimension
from rater.tables import Dialect, read_table
from rater.tables.table import cell_text
from rater.tables.write import restore_table

NOT_IN_FILE, NO_VALUE = "not in the file", "no value in the file"
_VALUES = ("value", "score", "rating", "answer", "judge")
_ARMS = ("arm", "arms", "is_modified", "condition")
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0}
_MAX_BYTES = 2 * 1024**3
"""The largest size of an unpacked log."""


@dataclass(frozen=True)
class FileRow:
    """One value of a file."""

    where: str
    value: object
    item: str | None
    text: str | None
    prompt: str | None


class FileMetric(Metric):
    """Values from a file.

    Args:
        rows: The values.
        texts: What raters see of each published item, by its id; empty before publication.
        source: The file's name, and the SHA-256 of its content.
        column: The column or score of the values.
        judged: The dimension whose question was answered; its scale must have each value. None for another
            metric.
        has_arms: Whether the file has a column of arms.

    Raises:
        TableError: a row names no text, or two rows have different values for the same text.
    """

    kind: ClassVar[str] = "file"

    def __init__(
        self,
        rows: Sequence[FileRow],
        texts: Mapping[str, Shown],
        *,
        source: tuple[str, str],
        column: str,
        judged: Dimension | None = None,
        has_arms: bool = False,
    ) -> None:
        self._source, self._column, self._judged, self._has_arms = source, column, judged, has_arms
        self.dimension = None if judged is None else judged.name
        self._by_text: dict[tuple[str | None, str], tuple[object, str]] = {}
        for row in rows:
            self._add(row, texts)

    def _add(self, row: FileRow, texts: Mapping[str, Shown]) -> None:
        if row.item is not None and row.item in texts:
            shown = texts[row.item]
            key: tuple[str | None, str] = (shown.prompt.strip(), shown.text.strip())
        elif row.text is not None:
            key = (None if row.prompt is None else row.prompt.strip(), row.text.strip())
        else:
            msg = (
                f"{row.where}: item is {row.item!r}, which is not a text of the published study; valid: the "
                "ids of the items, or a column text"
            )
            raise TableError(msg)
        known = self._by_text.setdefault(key, (row.value, row.where))
        if known[0] != row.value:
            msg = (
                f"{row.where}: the value {row.value!r} is for the same text as {known[0]!r} ({known[1]}); "
                "valid: one value for each text"
            )
            raise TableError(msg)

    @property
    def definition(self) -> Mapping[str, object]:
        """The file's name and digest, and the column."""
        name, digest = self._source
        return {"file": name, "sha256": digest, "column": self._column, "dimension": self.dimension}

    @property
    def description(self) -> str:
        """The file and the column."""
        return f"{self._column} of the file {self._source[0]}"

    @property
    def caution(self) -> str:
        """A warning where the file has arms."""
        if not self._has_arms:
            return ""
        return "The file has a column of arms: its values may have been made by something that saw the arms."

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the value of each text.

        Raises:
            TableError: a row of the file belongs to no text of the study.
        """
        self._require_texts({each for unit in units for each in self._keys(unit[0])})
        for index, unit in enumerate(units):
            found = next((self._by_text[key] for key in self._keys(unit[0]) if key in self._by_text), None)
            yield index, Measured(None, NOT_IN_FILE) if found is None else self._read(found[0], unit[0])

    @staticmethod
    def _keys(shown: Shown) -> tuple[tuple[str | None, str], ...]:
        return (shown.prompt.strip(), shown.text.strip()), (None, shown.text.strip())

    def _require_texts(self, known: set[tuple[str | None, str]]) -> None:
        unknown = [where for key, (_, where) in self._by_text.items() if key not in known]
        if unknown and len(unknown) == len(self._by_text):
            msg = f"{unknown[0]}: no row of the file has a text of the study; valid: texts as raters see them"
            raise TableError(msg)

    def _read(self, value: object, shown: Shown) -> Measured:
        written = cell_text(value)
        if written is None or not written.strip():
            return Measured(None, NO_VALUE)
        try:
            number = float(written)
        except ValueError:
            return Measured(None, NOT_AN_ANSWER if self._judged else NO_NUMBER, written)
        if not math.isfinite(number):
            return Measured(None, NO_NUMBER, written)
        if self._judged is not None:
            scale = self._judged.filled({"prompt": shown.prompt, **shown.fields}).scale
            if not scale.is_valid(number):
                return Measured(None, NOT_AN_ANSWER, written)
        return Measured(number, reply=written)


def read_judge_file(
    path: Path, texts: Mapping[str, Shown], *, column: str | None = None, judged: Dimension | None = None
) -> FileMetric:
    """Read a table (CSV, JSON, JSON Lines, Parquet) or a log of Inspect.

    Args:
        path: The file.
        texts: What raters see of each published item, by its id.
        column: The column of the values, or the scorer of a log; by default the only one that there is.
        judged: The dimension whose question was answered; None for another metric.

    Raises:
        TableError: the file cannot be read, or a column is missing.
    """
    if judged is not None and judged.scale.n_texts > 1:
        msg = f"{path}: {judged.name} compares texts, and a file values single texts; omit --dimension"
        raise TableError(msg)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise TableError(msg) from error
    samples = _samples(path)
    if samples is None:
        rows, used, has_arms = _table_rows(path, column)
    else:
        rows, used, has_arms = _inspect_rows(path, samples, column)
    return FileMetric(rows, texts, source=(path.name, digest), column=used, judged=judged, has_arms=has_arms)


def _table_rows(path: Path, column: str | None) -> tuple[list[FileRow], str, bool]:
    table = restore_table(read_table(path, Dialect(skips_blanks=False)))
    names = list(table.columns)
    if column is None:
        known = [name for name in names if name.casefold() in _VALUES]
        if len(known) != 1:
            what = f"several columns of values ({listed(known)})" if known else "no column of values"
            msg = f"{path} has {what}; name it with --column. It has: {listed(names)}"
            raise TableError(msg)
        column = known[0]
    values = table.column(column)
    keys = {name: table.columns[name] for name in ("item", "text", "prompt") if name in table.columns}
    if not {"item", "text"} & keys.keys():
        msg = (
            f"{path} has no column item or text, so that its rows belong to no text. It has: {listed(names)}"
        )
        raise TableError(msg)

    def cell(name: str, row: int) -> str | None:
        return cell_text(keys[name][row]) if name in keys else None

    rows = [
        FileRow(table.where(row), values[row], cell("item", row), cell("text", row), cell("prompt", row))
        for row in range(len(table))
    ]
    return rows, column, any(name.casefold() in _ARMS for name in names)


def _samples(path: Path) -> list[Mapping[str, Any]] | None:
    """Return the samples of a log of Inspect; None for another file."""
    if path.suffix == ".eval":
        return _unpacked(path)
    if path.suffix != ".json":
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the reader of tables names what is wrong
    if not isinstance(document, dict) or "eval" not in document:
        return None
    samples: list[Mapping[str, Any]] = document.get("samples") or []
    return samples


def _unpacked(path: Path) -> list[Mapping[str, Any]]:
    try:
        with zipfile.ZipFile(path) as log:
            if sum(each.file_size for each in log.infolist()) > _MAX_BYTES:
                msg = f"{path} is larger than 2 GB when it is unpacked; convert it to a table first"
                raise TableError(msg)
            names = sorted(
                name for name in log.namelist() if name.startswith("samples/") and name.endswith(".json")
            )
            return [json.loads(log.read(name)) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        msg = f"{path} cannot be read as a log of Inspect: {error}. Convert it: inspect log convert --to json"
        raise TableError(msg) from error


def _inspect_rows(
    path: Path, samples: Iterable[Mapping[str, Any]], scorer: str | None
) -> tuple[list[FileRow], str, bool]:
    rows, has_arms = [], False
    for number, sample in enumerate(samples, 1):
        where = f"{path}, sample {sample.get('id', number)!r}"
        scores = sample.get("scores") or {}
        if scorer is None and len(scores) > 1:
            msg = f"{where} has the scores {listed(sorted(scores))}; name one with --column."
            raise TableError(msg)
        scorer = scorer or next(iter(scores), None)
        if scores and scorer not in scores:
            msg = f"{where} has no score {scorer!r}.{nearest(str(scorer), scores)}"
            raise TableError(msg)
        metadata = sample.get("metadata") or {}
        has_arms = has_arms or any(str(name).casefold() in _ARMS for name in metadata)
        rows.append(_inspect_row(where, sample, metadata, scores.get(scorer) or {}))
    if scorer is None:
        msg = f"{path} has no scores of samples; valid: a log of Inspect with a scorer"
        raise TableError(msg)
    return _mean_over_epochs(rows), scorer, has_arms


def _inspect_row(
    where: str, sample: Mapping[str, Any], metadata: Mapping[str, Any], score: Mapping[str, Any]
) -> FileRow:
    value = score.get("value")
    value = _LETTERS.get(value, value) if isinstance(value, str) else value
    if isinstance(value, bool):
        value = float(value)
    if isinstance(value, dict | list):
        msg = f"{where}: its value is {value!r}; valid: one number for each score"
        raise TableError(msg)
    given = sample.get("input")
    text = metadata.get("text", given if isinstance(given, str) else None)
    return FileRow(where, value, str(metadata.get("item", sample.get("id"))), text, metadata.get("prompt"))


def _mean_over_epochs(rows: Sequence[FileRow]) -> list[FileRow]:
    """Average the numbers of samples that were run several times."""
    by_key: dict[tuple[object, ...], list[FileRow]] = {}
    for row in rows:
        by_key.setdefault((row.item, row.text, row.prompt), []).append(row)
    merged = []
    for own in by_key.values():
        numbers = [float(row.value) for row in own if isinstance(row.value, int | float)]
        value = sum(numbers) / len(numbers) if numbers else own[0].value
        merged.append(FileRow(own[0].where, value, own[0].item, own[0].text, own[0].prompt))
    return merged
