"""Exports without arms, and the meanings of an export's columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy.orm import DeclarativeBase

from rater.store.dictionary import Meaning, meanings_of
from rater.store.engine import disposing, reading, writing
from rater.store.rating import export
from rater.store.rating.export import Options, read_export_tables
from rater.store.rating.frame import AnswerRow, read_answers
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Answer, Item, TrialTextRow
from rater.store.rating.studies import get_study
from rater.store.sealed.schema import CompletionRow
from rater.study.fields import is_reserved
from rater.study.protocol import Protocol

_FROM: dict[str, tuple[type[DeclarativeBase], str]] = {
    "rater": (Answer, "rater_id"),
    "position": (Answer, "position"),
    "item": (Item, "id"),
    "prompt": (Item, "prompt"),
    "arm": (CompletionRow, "arm"),
    "sample": (CompletionRow, "sample"),
    "dimension": (Answer, "dimension"),
    "answer": (Answer, "value"),
    "not_applicable": (Answer, "not_applicable"),
    "confidence": (Answer, "confidence"),
    "comment": (Answer, "comment"),
    "is_repeat": (TrialTextRow, "is_repeat"),
    "n_revisions": (Answer, "revision"),
    "shown_ms": (Answer, "shown_ms"),
    "first_render_ms": (Answer, "first_render_ms"),
    "hidden_ms": (Answer, "hidden_ms"),
    "answered_at": (Answer, "answered_at"),
}
"""Columns of an export, in their order, and the columns of the schema that they come from."""

_WHOLE = ("confidence", "shown_ms", "first_render_ms", "hidden_ms")


@dataclass(frozen=True)
class MaskedExport:
    """A masked export, which is allowed while the study is blind."""

    frame: pd.DataFrame
    log_head: str
    """The head of the study's log, with this export in it."""


def read_unarmed_frame(rating_url: str, name: str) -> pd.DataFrame:
    """Read the latest revision of every answer, one row each, without arms. Costs three queries.

    Its items are the same for all raters, so that it is for our own use and not to be handed out.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, name)
        return _frame(read_answers(session, study.id), study.protocol)


def export_masked(rating_url: str, name: str, *, who: str, now: datetime) -> MaskedExport:
    """Read the ratings with item ids that differ between raters, and log it. Costs four queries, an insert.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, name)
        rows = read_answers(session, study.id)
        head = export.log_masked_export(
            session, study.id, who=who, by="command", n_answers=len(rows), now=now
        )
    return MaskedExport(_frame(export.mask_answers(rows), study.protocol), head)


def mask_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace item ids by ids that differ between raters, as in a masked export."""
    masked = {
        column: [
            item if pd.isna(item) else export.masked_id(str(rater), str(item))
            for rater, item in zip(frame["rater"], frame[column], strict=True)
        ]
        for column in _item_columns(frame.columns)
    }
    return frame.assign(**masked)


def log_permuted_export(rating_url: str, name: str, *, who: str, n_answers: int, now: datetime) -> str:
    """Log that ratings under permuted arms were written to files, and return the log's new head."""
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study_id = get_study(session, name).id
        return export.log_masked_export(
            session, study_id, who=who, by="permuted", n_answers=n_answers, now=now
        )


def read_tables(rating_url: str, name: str, options: Options, *, now: datetime) -> dict[str, pd.DataFrame]:
    """Read the tables that go with the ratings: raters, guesses, comments, and identifiers on request.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        tables = read_export_tables(session, get_study(session, name), options, now=now)
    return {name: pd.DataFrame(table.rows, columns=list(table.columns)) for name, table in tables.items()}


def _item_columns(columns: Iterable[str]) -> list[str]:
    return [column for column in columns if column == "item" or column.startswith("other_item")]


def _frame(rows: list[AnswerRow], protocol: Protocol) -> pd.DataFrame:
    table = export.answer_table(rows, protocol)
    frame = pd.DataFrame(table.rows, columns=list(table.columns))
    whole = (*_WHOLE, *export.rank_columns(protocol.n_texts, has_ranks=protocol.has_ranks))
    return frame.astype(dict.fromkeys(whole, "Int64"))


_TEXTS_FROM: dict[str, tuple[type[DeclarativeBase], str]] = {
    "item": (Item, "id"),
    "prompt": (Item, "prompt"),
    "arm": (CompletionRow, "arm"),
    "sample": (CompletionRow, "sample"),
    "text": (Item, "text"),
    "nll": (CompletionRow, "nll"),
    "repetition": (CompletionRow, "repetition"),
}
_TEXTS_COUNTED = {
    "n_characters": Meaning("Characters of the text, as raters saw it.", "experimenter"),
    "n_tokens": Meaning("Generated tokens; none for a text from a file.", "sealed"),
    "dimension": Meaning("The dimension that the mean is of.", "experimenter"),
    "mean_rating": Meaning(
        "Mean of the text's ratings on the dimension by all raters, repeats left out; of texts chosen "
        "between, of the preferences for it.",
        "sealed",
    ),
    "n_ratings": Meaning("The number of ratings in mean_rating.", "experimenter"),
    "mean_rating_kept": Meaning(
        "The same mean without raters who are excluded by the study's rules, as in the report.", "sealed"
    ),
    "n_ratings_kept": Meaning("The number of ratings in mean_rating_kept.", "experimenter"),
}


def text_meanings(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the meanings of the columns of the table of texts, and who may see them."""
    of_schema = {column: meanings_of(table)[name] for column, (table, name) in _TEXTS_FROM.items()}
    meanings = of_schema | _TEXTS_COUNTED | _field_meanings(columns)
    return {name: (meaning.description, meaning.seen_by) for name, meaning in meanings.items()}


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort an export's columns and rows, so that the same answers give the same file."""
    items = _item_columns(frame.columns)
    known = [own for column in _FROM for own in (items if column == "item" else [column])]
    columns = [column for column in known if column in frame.columns]
    rest = sorted(set(frame.columns) - set(columns))
    order = [name for name in ("rater", "position", "dimension", "place") if name in frame.columns]
    return frame[[*columns, *rest]].sort_values(order).reset_index(drop=True)


def data_dictionary(columns: Iterable[str], *, masked: bool) -> dict[str, Meaning]:
    """Return the meanings of an export's columns that come from the schema or are fields of the items."""
    named = list(columns)
    meanings = {
        column: meanings_of(table)[attribute]
        for column, (table, attribute) in _FROM.items()
        if column in named
    }
    n_texts = len(_item_columns(named))
    meanings |= export.item_meanings(n_texts, masked=masked)
    meanings |= {name: each for name, each in export.rank_meanings(n_texts).items() if name in named}
    meanings |= {name: export.GIVEN_LABELS[name] for name in named if name in export.GIVEN_LABELS}
    return meanings | _field_meanings(named)


def _field_meanings(columns: Iterable[str]) -> dict[str, Meaning]:
    """Return the meanings of the columns of fields, which have all names that are not reserved."""
    return {
        name: Meaning(f"The field {name} of the prompt, as the study declares it.", "rater")
        for name in columns
        if not is_reserved(name)
    }
