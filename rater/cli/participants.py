"""`rater participants`, `import-participants` and `free`: who took part, how they are paid, and places."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import OutputFile, rating_option, study_argument
from rater.workspace import Workspace
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rater.store.rating.participants import Participant
    from rater.store.rating.payment_lists import PaymentLists

_LISTS = ("approve", "reject", "return", "wait", "bonus")
_REASONS = ("by_hand", "returned", "timed_out", "rejected")


@click.command(short_help="List participants, and whom to pay.")
@study_argument
@click.option("--csv", "csv_file", type=OutputFile(), help="Write the table to this new file instead.")
@click.option("--list", "list_name", type=click.Choice(_LISTS), help="Print one list, to be pasted.")
@click.option(
    "--digests",
    type=OutputFile(".json"),
    help="Write digests of the IDs to this new file, for studies in another database that exclude them.",
)
@click.option("--who", default=current_user, show_default="you", help="Your name; stored in the log.")
@rating_option
def participants(
    study_name: str,
    csv_file: Path | None,
    list_name: str | None,
    rating_url: str,
    *,
    digests: Path | None,
    who: str,
) -> None:
    """List the participants of STUDY: ID, status, code, minutes, checks and flags, never by arm.

    --list prints one of the lists for the recruitment site: approve (a line an ID), reject and return (ID and
    reason), wait (they may still finish), or bonus (ID and amount, by the study's `bonus`). Each participant
    is in exactly one of the first four. --csv writes the whole table, which is recorded in the study's log.

    --digests writes the participants without their IDs. A study in another database can exclude them, once
    rater import-participants has read the file there.

    \b
    Example: rater participants love_vs_hate
    Example: rater participants love_vs_hate --list approve > approve.txt
    """
    workspace = Workspace(rating=rating_url)
    if sum(each is not None for each in (csv_file, list_name, digests)) > 1:
        msg = "--csv, --list and --digests exclude each other; valid: one of them."
        raise click.UsageError(msg)
    if digests is not None:
        n = workspace.write_participant_digests(study_name, digests, who=who)
        click.echo(f"{n:,} participants are in {digests}, as digests.")
        click.echo(f"Next: rater import-participants {digests}, with the other database")
        return
    if csv_file is not None:
        n = workspace.write_participants(study_name, csv_file, who=who)
        click.echo(f"{n:,} participants are in {csv_file}, with their identifiers: keep the file private.")
        return
    lists = workspace.payment_lists(study_name)
    if list_name is not None:
        for line in _lines(lists, list_name):
            click.echo(line)
        if lists.n_unnamed:
            click.echo(f"{_unnamed(lists)} in no list.", err=True)
        return
    _print_table(workspace.participants(study_name))
    counts = {name: len(list(_lines(lists, name))) for name in _LISTS}
    click.echo(", ".join(f"{name} {n:,}" for name, n in counts.items()))
    if lists.n_unnamed:
        click.echo(f"{_unnamed(lists)} in none of these lists.")
    click.echo(f"Next: rater participants {study_name} --list approve")


@click.command("import-participants", short_help="Import participants whom studies can exclude.")
@click.argument("file", type=click.Path(path_type=Path))
@rating_option
def import_participants(file: Path, rating_url: str) -> None:
    """Import the participants of a study in another database from FILE.

    FILE was written by rater participants STUDY --digests. Studies here can then name that study in
    excluded_studies. The participants replace an earlier list of the same study.

    \b
    Example: rater import-participants pilot.json
    """
    imported = Workspace(rating=rating_url).import_participants(file)
    click.echo(f"{len(imported.digests):,} participants of {imported.study} are known now, as digests.")
    click.echo(f'Next: excluded_studies=("{imported.study}",) in a study file')


def _unnamed(lists: "PaymentLists") -> str:
    n = lists.n_unnamed
    return f"{n:,} rater{'s' * (n != 1)} without a participant ID {'is' if n == 1 else 'are'}"


def _lines(lists: "PaymentLists", name: str) -> "Iterator[str]":
    from rater.tables.write import csv_lines

    if name == "approve":
        yield from lists.approve
    elif name == "bonus":
        yield from lists.bonus_lines
    else:
        rows = {"reject": lists.reject, "return": lists.give_back, "wait": lists.wait}[name]
        yield from (line.rstrip("\n") for line in list(csv_lines(("id", "reason"), rows))[1:])


def _print_table(rows: "Sequence[Participant]") -> None:
    from rich.console import Console
    from rich.table import Table

    from rater.sanitize import sanitize_for_display

    table = Table(box=None, header_style="bold")
    for heading in ("Participant", "Status", "Code", "Minutes", "Last seen (UTC)", "Checks", "Flags"):
        table.add_column(heading)
    for each in rows:
        flags = "; ".join(f"{flag} ({numbers})" for flag, numbers in each.flags.items())
        table.add_row(
            sanitize_for_display(each.participant_id or each.label or f"rater {each.rater_id[:8]}"),
            "; then ".join((each.status, *each.further)),
            each.code or "–",
            f"{each.minutes:.0f}",
            f"{each.last_seen_at:%Y-%m-%d %H:%M}",
            f"{each.n_checks_passed} of {each.n_checks}" if each.n_checks else "–",
            flags or "–",
        )
    Console().print(table)


@click.command(short_help="Free the place of a rater.")
@study_argument
@click.argument("rater", metavar="RATER")
@click.option(
    "--reason",
    type=click.Choice(_REASONS),
    default="by_hand",
    show_default=True,
    help="Reason; stored with the rater and in the log.",
)
@click.option("--by", default=current_user, show_default="you", help="Your name; stored in the log.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@rating_option
def free(study_name: str, rater: str, rating_url: str, *, reason: str, by: str, yes: bool) -> None:
    """Free the place of RATER, so that the whole booklet is assigned to the next rater.

    RATER is an id as in `rater export`, its first six characters or more, or the recruitment site's
    identifier. The answers are kept. If the rater returns, they may finish as surplus, unless the study
    declares late_raters="stop". A rater who has finished keeps the place, unless the recruitment site
    returned, timed out or rejected the submission.

    \b
    Example: rater free love_vs_hate 5f3a9c2b1d4e6f7089abcdef --reason returned
    """
    from rater.study.visit import FreedReason

    workspace = Workspace(rating=rating_url)
    known = workspace.find_rater(study_name, rater)
    if not yes:
        click.confirm(
            f"This permanently frees the place of rater {known.id}, who came on "
            f"{known.consented_at:%Y-%m-%d} and gave {known.n_answers} answers. Continue?",
            abort=True,
            err=True,
        )
    head = workspace.free_place(study_name, known, reason=FreedReason(reason), who=by)
    click.echo(f"The place is free; the head of the log is {head}")
