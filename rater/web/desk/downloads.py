"""Write what the desk hands out as CSV: ratings without arms, the table of raters, personal links."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rater.store.rating import masked_export
from rater.store.rating.export_tables import Table
from rater.store.rating.frame import AnswerRow


def answers_csv(rows: Sequence[AnswerRow]) -> Iterator[str]:
    """Write the ratings as `rater export` does: a line an answer, under ids of their own for each rater."""
    return _lines(masked_export.COLUMNS, map(masked_export.values, masked_export.mask_answers(rows)))


def raters_csv(raters: Table) -> Iterator[str]:
    """Write the table of raters as `rater export` does: a line a rater."""
    return _lines(raters.columns, raters.rows)


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
