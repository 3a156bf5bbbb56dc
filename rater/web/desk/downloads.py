"""Write what the desk hands out as CSV: ratings without arms, the table of raters, personal links."""

from collections.abc import Iterable, Iterator, Sequence

from flask import Response

from rater.store.engine import reading, writing
from rater.store.rating import export
from rater.store.rating.export import ExportTable, log_masked_export, read_rater_table
from rater.store.rating.frame import AnswerRow, read_answers
from rater.study.protocol import Protocol
from rater.tables.write import csv_lines, order_columns
from rater.web.desk import access
from rater.web.desk.page import blueprint, find_or_404
from rater.web.settings import running


def answers_csv(rows: Sequence[AnswerRow], protocol: Protocol) -> Iterator[str]:
    """Write the ratings as `rater export` does: a line an answer, under ids of their own for each rater."""
    in_order = sorted(rows, key=lambda row: (row.rater_id, row.position, row.dimension))
    return _lines(export.answer_table(export.mask_answers(in_order), protocol))


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


@blueprint.get("/studies/<name>/answers.csv")
def download_answers(name: str) -> Response:
    """Hand out the ratings without arms, and log it. Costs four queries, and an insert."""
    with writing(running().engine) as session:
        study = find_or_404(session, name)
        rows = read_answers(session, study.id)
        log_masked_export(
            session,
            study.id,
            who=access.user().name,
            by="desk",
            n_answers=len(rows),
            now=running().settings.now(),
        )
    return attachment(answers_csv(rows, study.protocol), f"{name}-answers.csv")


@blueprint.get("/studies/<name>/raters.csv")
def download_raters(name: str) -> Response:
    """Hand out the table of raters. Costs six queries."""
    with reading(running().engine) as session:
        raters = read_rater_table(session, find_or_404(session, name), now=running().settings.now())
    return attachment(raters_csv(raters), f"{name}-raters.csv")


def attachment(lines: object, name: str) -> Response:
    """Return a CSV file as a download."""
    response = Response(lines, mimetype="text/csv")  # type: ignore[arg-type] # an iterator of text
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
