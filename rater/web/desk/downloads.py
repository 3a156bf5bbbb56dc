"""Write what the desk hands out as CSV: ratings without arms, the table of raters, personal links."""

from collections.abc import Iterable, Iterator, Sequence

from rater.store.rating import export
from rater.store.rating.export import ExportTable
from rater.store.rating.frame import AnswerRow
from rater.tables.write import csv_lines, order_columns


def answers_csv(rows: Sequence[AnswerRow]) -> Iterator[str]:
    """Write the ratings as `rater export` does: a line an answer, under ids of their own for each rater."""
    in_order = sorted(rows, key=lambda row: (row.rater_id, row.position, row.dimension))
    values = list(map(export.values, export.mask_answers(in_order)))
    return _lines(ExportTable(export.COLUMNS, values))


def raters_csv(raters: ExportTable) -> Iterator[str]:
    """Write the table of raters as `rater export` does: a line a rater."""
    return _lines(raters)


def links_csv(links: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Write personal links: a line a link."""
    return csv_lines(("label", "link"), links)


def _lines(table: ExportTable) -> Iterator[str]:
    columns = order_columns(table.columns)
    places = [table.columns.index(column) for column in columns]
    return csv_lines(columns, ([row[place] for place in places] for row in table.rows))
