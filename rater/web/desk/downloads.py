"""Write what the desk hands out as CSV: the ratings without arms, and the table of raters."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rater.store.rating.blind import BLIND_COLUMNS, blind_values
from rater.store.rating.frame import AnswerRow
from rater.store.rating.watch import WatchedRater

RATER_COLUMNS = (
    "rater",
    "came_at",
    "standing",
    "n_rated",
    "n_texts",
    "seconds_a_text",
    "n_checks_passed",
    "n_checks",
    "flags",
)


def answers_csv(rows: Iterable[AnswerRow]) -> Iterator[str]:
    """Write the ratings, as `rater export` does: a line an answer."""
    return _lines(BLIND_COLUMNS, map(blind_values, rows))


def raters_csv(raters: Iterable[WatchedRater]) -> Iterator[str]:
    """Write the table of raters: a line a rater."""
    rows = (
        (
            rater.id,
            rater.consented_at,
            rater.standing,
            rater.n_answered,
            rater.n_trials,
            None if rater.seconds_a_text is None else round(rater.seconds_a_text, 3),
            rater.n_checks_passed,
            rater.n_checks,
            "; ".join(rater.flags),
        )
        for rater in raters
    )
    return _lines(RATER_COLUMNS, rows)


def links_csv(links: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Write personal links: a line a link."""
    return _lines(("label", "link"), links)


def _lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([value.isoformat() if isinstance(value, datetime) else value for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()
