"""Insert a publication, and read it back as its rows."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from sqlalchemy import and_, func, insert, select, text
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.rendering.shown import room_text, shared_context
from rater.store.rating.schema import AttentionCheckRow, Booklet, Item, StudyRow, TrialRow, TrialTextRow
from rater.store.rating.studies import PublishedStudy
from rater.study.fields import Fields, read_fields, write_fields
from rater.study.protocol import Protocol
from rater.study.state import State

_INSERT_BATCH = 1_000
# columns as wide as a digit in the lines of the raters' pages, less the end of a line where no word fits
_WIDE_COLUMNS = {1: 66, 2: 46}
"""On a wide page, by the number of texts side by side."""
_NARROW_COLUMNS = 36
"""On a phone; and on a wide page with three texts or more."""
_TAB_COLUMNS = 8
_MAX_LINES = 80
"""More than any window shows."""


@dataclass(frozen=True)
class NewItem:
    """A text about to be published under a random id."""

    id: str
    prompt: str
    text: str
    is_check: bool = False
    fields: Fields = field(default_factory=dict)

    @property
    def declared(self) -> tuple[str, str]:
        """The prompt with its fields, by which texts of one item of the study are found."""
        return self.prompt, write_fields(self.fields)


@dataclass(frozen=True)
class NewTrial:
    """One screen about to be published."""

    item_ids: tuple[str, ...]
    """The texts shown, from left to right, or from top to bottom."""
    dimension: str | None = None
    """The one dimension asked; None for all."""
    is_repeat: bool = False


@dataclass(frozen=True)
class NewBooklet:
    """A booklet about to be published: its trials, in order."""

    id: str
    trials: tuple[NewTrial, ...]

    @classmethod
    def of(cls, booklet_id: str, item_ids: Iterable[str]) -> "NewBooklet":
        """Make a booklet of single texts, on each of which every dimension is asked."""
        return cls(booklet_id, tuple(NewTrial((item_id,)) for item_id in item_ids))

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Every text shown, in order, including repeats."""
        return tuple(item_id for trial in self.trials for item_id in trial.item_ids)


@dataclass(frozen=True)
class NewCheck:
    """A text with known answers, about to be published among the others."""

    item_id: str
    """The text shown; of several, the one in the first place."""
    accepted: tuple[tuple[str, float, float], ...]
    """Dimension, lowest and highest answer that pass."""


def insert_study(
    session: Session,
    study: PublishedStudy,
    *,
    items: Sequence[NewItem],
    booklets: Sequence[NewBooklet],
    checks: Sequence[NewCheck] = (),
) -> None:
    """Insert a study with its items and booklets, in the order given. Costs one insert per 1,000 rows.

    Args:
        session: In a `writing` transaction.
        study: The study; its id is given by the database where it is 0.
        items: Every text shown, those of the checks too.
        booklets: Their trials name items.
        checks: The answers that pass, for items that are checks.
    """
    session.add(
        StudyRow(
            id=study.id or None,
            name=study.name,
            slug=study.slug,
            state=study.state,
            protocol=study.protocol.model_dump_json(),
            study_hash=study.study_hash,
            commitment=study.commitment,
            published_at=study.published_at,
        )
    )
    session.flush()
    study_id = session.scalars(select(StudyRow.id).where(StudyRow.name == study.name)).one()
    _insert(session, Item, [_item_row(item, study_id) for item in items])
    lines = {item.id: text_lines(study.protocol, item.prompt, item.text, item.fields) for item in items}
    _insert(session, Booklet, [_booklet_row(booklet, study_id, lines) for booklet in booklets])
    _insert(session, TrialRow, [row for booklet in booklets for row in _trial_rows(booklet)])
    _insert(session, TrialTextRow, [row for booklet in booklets for row in _text_rows(booklet)])
    _insert(session, AttentionCheckRow, [row for check in checks for row in _check_rows(check)])


def add_booklets(
    session: Session, study_id: int, booklets: Sequence[NewBooklet], *, protocol: Protocol
) -> None:
    """Add booklets to a published study, for raters added to its plan. Costs a query, and bulk inserts."""
    rows = session.execute(
        select(Item.id, Item.prompt, Item.text, Item.fields).where(Item.study_id == study_id)
    )
    lines = {row.id: text_lines(protocol, row.prompt, row.text, read_fields(row.fields)) for row in rows}
    _insert(session, Booklet, [_booklet_row(booklet, study_id, lines) for booklet in booklets])
    _insert(session, TrialRow, [row for booklet in booklets for row in _trial_rows(booklet)])
    _insert(session, TrialTextRow, [row for booklet in booklets for row in _text_rows(booklet)])


def _insert(session: Session, table: type, rows: Sequence[dict[str, object]]) -> None:
    for start in range(0, len(rows), _INSERT_BATCH):
        session.execute(insert(table), rows[start : start + _INSERT_BATCH])


def _item_row(item: NewItem, study_id: int) -> dict[str, object]:
    return {
        "id": item.id,
        "study_id": study_id,
        "prompt": item.prompt,
        "text": item.text,
        "fields": write_fields(item.fields),
        "is_check": item.is_check,
    }


@dataclass(frozen=True)
class TextLines:
    """Estimated lines of a text on a page, with all that is shown in one area with it."""

    wide: int
    narrow: int
    """On a phone."""
    shared: int
    """On a wide page, what is above several texts; 0 for one text, which has it in its own area."""


def text_lines(protocol: Protocol, prompt: str, text: str, fields: Fields) -> TextLines:
    """Estimate the lines of a text, and of the fields, the reference and the conversation above it."""
    shown = "".join(
        f"{each.label}\n{prompt}{fields[each.name]}\n\n"
        if each.is_text
        else f"{each.label} {fields[each.name]}\n"
        for each in protocol.shown_fields
    )
    own = room_text(protocol, prompt, text)
    if protocol.n_texts == 1:
        return TextLines(*count_lines(shown + own, n_texts=1), shared=0)
    context = shared_context(protocol, prompt)
    return TextLines(
        *count_lines(own, n_texts=protocol.n_texts), shared=count_lines(shown + context, n_texts=1)[0]
    )


def _booklet_row(booklet: NewBooklet, study_id: int, lines: Mapping[str, TextLines]) -> dict[str, object]:
    shown = [lines[item_id] for item_id in booklet.item_ids]
    return {
        "id": booklet.id,
        "study_id": study_id,
        "n_trials": len(booklet.trials),
        "n_lines": max((each.wide for each in shown), default=0),
        "n_narrow_lines": max((each.narrow for each in shown), default=0),
        "n_shared_lines": max((each.shared for each in shown), default=0),
    }


# every text is in many booklets
@lru_cache(maxsize=100_000)
def count_lines(text: str, *, n_texts: int) -> tuple[int, int]:
    """Estimate how many lines a text with its prompt takes on a wide page, and on a phone."""
    widths = [_width(line) for line in text.splitlines()]
    wide = _n_rows(widths, _WIDE_COLUMNS.get(n_texts, _NARROW_COLUMNS))
    return min(wide, _MAX_LINES), min(_n_rows(widths, _NARROW_COLUMNS), _MAX_LINES)


def _n_rows(widths: Sequence[int], columns: int) -> int:
    return sum(max(1, -(-width // columns)) for width in widths)


def _width(line: str) -> int:
    """Return the width of a line in columns: Chinese, Japanese and Korean signs and emoji take two."""
    if line.isascii():
        return len(line) + _TAB_COLUMNS * line.count("\t")
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in line
    )


def _trial_rows(booklet: NewBooklet) -> list[dict[str, object]]:
    return [
        {
            "booklet_id": booklet.id,
            "position": position,
            "dimension": trial.dimension,
            "is_repeat": trial.is_repeat,
        }
        for position, trial in enumerate(booklet.trials, start=1)
    ]


def _text_rows(booklet: NewBooklet) -> list[dict[str, object]]:
    return [
        {
            "booklet_id": booklet.id,
            "position": position,
            "place": place,
            "item_id": item_id,
            "is_repeat": trial.is_repeat,
        }
        for position, trial in enumerate(booklet.trials, start=1)
        for place, item_id in enumerate(trial.item_ids, start=1)
    ]


def _check_rows(check: NewCheck) -> list[dict[str, object]]:
    return [
        {"item_id": check.item_id, "dimension": dimension, "lowest": lowest, "highest": highest}
        for dimension, lowest, highest in check.accepted
    ]


@dataclass(frozen=True)
class UnparsedStudy:
    """A study's row, its protocol not parsed: it may have been changed to something invalid."""

    id: int
    name: str
    slug: str
    state: State
    protocol: str
    study_hash: str
    commitment: str
    published_at: datetime


def get_unparsed_study(session: Session, name: str) -> UnparsedStudy:
    """Read a study's row. Costs one query.

    Raises:
        StateError: no study of that name is published; the nearest that are get named.
    """
    columns = (
        StudyRow.id,
        StudyRow.name,
        StudyRow.slug,
        StudyRow.state,
        StudyRow.protocol,
        StudyRow.study_hash,
        StudyRow.commitment,
        StudyRow.published_at,
    )
    row = session.execute(select(*columns).where(StudyRow.name == name)).first()
    if row is None:
        names = session.scalars(select(StudyRow.name)).all()
        hint = nearest(name, names) if names else f" Run: rater publish {name}"
        msg = f"Study {name!r} is not published yet.{hint}"
        raise StateError(msg)
    return UnparsedStudy(*row)


def read_items(session: Session, study_id: int) -> tuple[NewItem, ...]:
    """Read a study's items in the order in which the database keeps their rows. Costs one query."""
    by_row = text("item.ctid" if session.get_bind().dialect.name == "postgresql" else "item.rowid")
    rows = session.execute(
        select(Item.id, Item.prompt, Item.text, Item.is_check, Item.fields)
        .where(Item.study_id == study_id)
        .order_by(by_row)
    )
    return tuple(NewItem(row.id, row.prompt, row.text, row.is_check, read_fields(row.fields)) for row in rows)


def read_booklets(session: Session, study_id: int) -> tuple[NewBooklet, ...]:
    """Read a study's booklets by id. Costs one query."""
    texts = session.execute(
        select(
            TrialRow.booklet_id,
            TrialRow.position,
            TrialRow.dimension,
            TrialRow.is_repeat,
            TrialTextRow.item_id,
        )
        .join(
            TrialTextRow,
            and_(TrialTextRow.booklet_id == TrialRow.booklet_id, TrialTextRow.position == TrialRow.position),
        )
        .join(Booklet, Booklet.id == TrialRow.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(TrialRow.booklet_id, TrialRow.position, TrialTextRow.place)
    )
    trials = [
        (str(booklet_id), NewTrial(tuple(row.item_id for row in own), dimension, is_repeat))
        for (booklet_id, _, dimension, is_repeat), own in groupby(texts, key=lambda row: row[:4])
    ]
    return tuple(
        NewBooklet(booklet_id, tuple(trial for _, trial in own))
        for booklet_id, own in groupby(trials, key=itemgetter(0))
    )


def count_cut_booklets(session: Session, study_id: int) -> int:
    """Count booklets whose stated number of trials is wrong. Costs one query."""
    n_there = (
        select(func.count()).select_from(TrialRow).where(TrialRow.booklet_id == Booklet.id).scalar_subquery()
    )
    cut = select(Booklet.id).where(Booklet.study_id == study_id, Booklet.n_trials != n_there)
    return session.scalar(select(func.count()).select_from(cut.subquery())) or 0


def read_checks(session: Session, study_id: int) -> tuple[NewCheck, ...]:
    """Read the answers that pass a study's attention checks, by item. Costs one query."""
    rows = session.execute(
        select(
            AttentionCheckRow.item_id,
            AttentionCheckRow.dimension,
            AttentionCheckRow.lowest,
            AttentionCheckRow.highest,
        )
        .join(Item, Item.id == AttentionCheckRow.item_id)
        .where(Item.study_id == study_id)
        .order_by(AttentionCheckRow.item_id, AttentionCheckRow.dimension)
    )
    return tuple(
        NewCheck(item_id, tuple((row.dimension, row.lowest, row.highest) for row in own))
        for item_id, own in groupby(rows, key=lambda row: row.item_id)
    )
