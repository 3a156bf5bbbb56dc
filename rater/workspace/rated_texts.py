"""Texts of a file and their ratings: read the texts, keep their arms from the rater, join them afterwards."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from rater.analysis.external_plan import plan_for
from rater.analysis.read_ratings import read
from rater.errors import TableError, nearest
from rater.name_lists import choose_arms
from rater.report.console.analysis import Screen
from rater.report.context import ReportContext
from rater.study.dimension import Dimension
from rater.tables import Dialect, SourceTable, read_table
from rater.tables.table import cell_text
from rater.tables.write import restore_table
from rater.terminal.text_ratings import TextAnswer, TextToRate
from rater.workspace.analysis_input import AnalysisInput

KNOWN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "texts", "completion", "completions"),
    "prompt": ("prompt", "prompts"),
    "arm": ("arm", "is_modified"),
    "item": ("item",),
}
"""The names by which a column is found, llm-steering's among them."""
MAX_CHARACTERS = 20_000
"""Maximum length of a text or prompt."""
_MODIFIED = {"true": "steered", "false": "unsteered", "1": "steered", "0": "unsteered"}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
_BY_NAME: Mapping[str, str | None] = MappingProxyType({})


@dataclass(frozen=True)
class RatedTexts:
    """The texts of a file, and the arm of each text where the file has arms."""

    source: str
    texts: Mapping[str, TextToRate]
    """The texts by id."""
    arms: Mapping[str, str] = field(repr=False)
    """The arm of each text by id; empty where the file has no arms."""

    @property
    def has_contrast(self) -> bool:
        """True if there are two arms or more."""
        return len(set(self.arms.values())) > 1


def read_texts(
    path: Path, *, columns: Mapping[str, str | None] = _BY_NAME, encoding: str | None = None
) -> RatedTexts:
    """Read the texts of a table: CSV, TSV, JSON, JSON Lines or Parquet.

    Args:
        path: The file.
        columns: The columns of text, prompt, arm and item; None for one that is found by `KNOWN_COLUMNS`.
        encoding: The file's encoding; by default UTF-8.

    Raises:
        TableError: the file cannot be read, has no column of texts, two columns that may be meant, an empty
            or repeated value, or no rows; with the line.
    """
    table = restore_table(read_table(path, Dialect(skips_blanks=False), encoding=encoding))
    found = {name: _find(table, name, columns.get(name)) for name in KNOWN_COLUMNS}
    if found["text"] is None:
        named = " or ".join(map(repr, KNOWN_COLUMNS["text"][::2]))
        hint = nearest("text", table.columns)
        msg = f"{table.source} has no column {named}, so it is unknown what is rated; name it with --text."
        raise TableError(f"{msg}{hint}")
    texts: dict[str, TextToRate] = {}
    arms: dict[str, str] = {}
    for row in range(len(table)):
        text = _cell(table, row, found["text"])
        item = _cell(table, row, found["item"]).strip() if found["item"] else str(row + 1)
        prompt = _cell(table, row, found["prompt"], may_be_empty=True) if found["prompt"] else ""
        if item in texts:
            msg = f"{table.where(row)} has the item {item!r}, which is there twice; valid: one row per item."
            raise TableError(msg)
        texts[item] = TextToRate(item, prompt, text)
        if found["arm"]:
            arms[item] = _arm(table, row, found["arm"])
    if not texts:
        msg = f"{table.source} has no texts; valid: a row for each text to rate."
        raise TableError(msg)
    return RatedTexts(table.source, texts, arms)


def plan_input(
    rated: RatedTexts,
    answers: Sequence[TextAnswer],
    dimension: Dimension,
    *,
    contrast: Sequence[str] = (),
) -> AnalysisInput:
    """Join answers to the arms of their texts, and plan the analysis as for external ratings.

    Without prompts, each text is a prompt of its own.

    Args:
        rated: The texts with their arms.
        answers: The answers of all raters.
        dimension: The question.
        contrast: The two arms to compare; none if one of two is named as a baseline.

    Raises:
        RaterError: the arms to compare are not known, or there are no answers.
    """
    frame = join_arms(rated, answers, dimension)
    scale = dimension.scale
    points = len(scale.levels) or None
    plan = plan_for(
        frame,
        contrast=choose_arms(contrast, sorted(set(rated.arms.values()))) if contrast else None,
        points=points,
        limits=None if points else (scale.lowest, scale.highest),
    )
    name = Path(rated.source).name
    note = (
        "These texts were rated by `rater rate --from`: arms were hidden from raters and texts shuffled for "
        "each, but nothing was sealed or registered in advance."
    )
    return AnalysisInput(
        frame=frame,
        plan=plan,
        screen=Screen(title=f"{name}: {dimension.question}", notes=[note]),
        about=ReportContext(title=name, source=name),
    )


def require_plan(rated: RatedTexts, dimension: Dimension, *, contrast: Sequence[str] = ()) -> None:
    """Require that the answers can be analysed, before anyone rates.

    Raises:
        RaterError: the arms to compare are not known.
    """
    example = [
        TextAnswer(
            rater="example",
            position=at,
            item=text.item,
            prompt=text.prompt,
            text=text.text,
            question=dimension.question,
            scale=dimension.scale.describe(),
            answer=dimension.scale.lowest,
            shown_ms=0,
            answered_at="",
        )
        for at, text in enumerate(rated.texts.values(), start=1)
    ]
    plan_input(rated, example, dimension, contrast=contrast)


def join_arms(rated: RatedTexts, answers: Sequence[TextAnswer], dimension: Dimension) -> pd.DataFrame:
    """Return the tidy frame of answers, with the arm of each text; "texts" where the file has no arms."""
    rows = [
        {
            "rater": each.rater,
            "item": each.item,
            "prompt": each.prompt.strip() or f"text {each.item}",
            "arm": rated.arms.get(each.item, "texts"),
            "dimension": dimension.name,
            "answer": each.answer,
            "cannot_judge": each.answer is None,
            "position": each.position,
            "shown_ms": each.shown_ms,
        }
        for each in answers
    ]
    return read(pd.DataFrame(rows))


def _find(table: SourceTable, name: str, chosen: str | None) -> str | None:
    """Return the column of a file for one of ours; None if it has none.

    Raises:
        TableError: the chosen column does not exist, or several may be meant.
    """
    if chosen is not None:
        table.column(chosen)
        return chosen
    found = [column for column in KNOWN_COLUMNS[name] if column in table.columns]
    if len(found) > 1:
        msg = f"{table.source} has the columns {found[0]!r} and {found[1]!r}; name the {name} with --{name}."
        raise TableError(msg)
    return found[0] if found else None


def _cell(table: SourceTable, row: int, column: str | None, *, may_be_empty: bool = False) -> str:
    """Return a cell as text.

    Raises:
        TableError: it is empty, not a single value, or too long.
    """
    value = cell_text(table.column(column or "")[row])
    where = f"{table.where(row)}: {column}"
    if value is None or "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        msg = f"{where} is not a text; valid: a single value of Unicode text."
        raise TableError(msg)
    if not may_be_empty and all(unicodedata.category(each) in _INVISIBLE for each in value):
        msg = f"{where} is empty; valid: a text that people can read."
        raise TableError(msg)
    if len(value) > MAX_CHARACTERS:
        msg = f"{where} has {len(value):,} characters; valid: at most {MAX_CHARACTERS:,}."
        raise TableError(msg)
    return value


def _arm(table: SourceTable, row: int, column: str) -> str:
    value = _cell(table, row, column).strip()
    return _MODIFIED.get(value.lower(), value) if column == "is_modified" else value
