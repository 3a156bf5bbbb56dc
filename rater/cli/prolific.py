"""`rater prolific`: recruit on Prolific by its interface: create, review, pay and pause."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import Command, rating_option, study_argument
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rater.prolific.client import ProlificClient
    from rater.prolific.payments import Bonus, Rejection, Review
    from rater.prolific.submissions import Submission
    from rater.store.rating.studies import PublishedStudy

_MAX_LINES = 20
_API_URL = "https://api.prolific.com/api/v1"
_DEVICES = ("desktop", "tablet", "mobile")


class Amount(click.ParamType[Decimal]):
    """An amount of money."""

    name = "amount"

    def convert(
        self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Read a decimal number."""
        try:
            return Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount; valid: such as 2.50", param, ctx)


def _api_options(command: Command) -> Command:
    command = click.option(
        "--api-url", default=_API_URL, show_default=True, help="Address of Prolific's interface."
    )(command)
    return rating_option(command)


def _id_option(command: Command) -> Command:
    return click.option(
        "--id",
        "prolific_id",
        envvar="PROLIFIC_STUDY",
        show_envvar=True,
        help="Id of the study on Prolific.  [default: from the links of raters who came]",
    )(command)


def _write_options(command: Command) -> Command:
    command = click.option("--dry-run", is_flag=True, help="Show what would be done, and stop.")(command)
    return click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(command)


@dataclass(frozen=True)
class _Opened:
    """A published study with the client and its id on Prolific."""

    rating: "Engine"
    study: "PublishedStudy"
    client: "ProlificClient"
    prolific_id: str


@click.group(short_help="Recruit on Prolific.")
def prolific() -> None:
    """Recruit on Prolific by its interface. Each command that changes something shows it first and asks.

    The environment variable PROLIFIC_TOKEN has the token. These commands were tested with a server that
    implements Prolific's documented interface, never with Prolific itself.

    \b
    Example: rater prolific create love_vs_hate --places 20 --reward 2.50 --address https://study.example.org
    """


@prolific.command(short_help="Create a draft study.")
@study_argument
@click.option("--places", "n_places", type=click.IntRange(min=1), required=True, help="Participants.")
@click.option("--reward", type=Amount(), required=True, help="Payment per participant, such as 2.50.")
@click.option(
    "--address",
    required=True,
    envvar="RATER_ADDRESS",
    show_envvar=True,
    help="Public https address of the server.",
)
@click.option(
    "--description",
    "description_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A text file with the description for participants.",
)
@click.option(
    "--device",
    "devices",
    type=click.Choice(_DEVICES),
    multiple=True,
    help="A device to offer it on; may be repeated.  [default: all]",
)
@click.option("--approve-finished", is_flag=True, help="Approve the code of `finished` automatically.")
@_write_options
@_api_options
def create(  # noqa: PLR0913, PLR0917 (click's interface)
    study_name: str,
    n_places: int,
    reward: Decimal,
    address: str,
    description_file: Path | None,
    devices: tuple[str, ...],
    rating_url: str,
    api_url: str,
    *,
    approve_finished: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Create a draft of STUDY on Prolific: link, completion codes, places, minutes and reward.

    A draft is offered to nobody. Complete it on Prolific, for instance with the selection of participants,
    and publish it there or with `rater prolific publish`.

    \b
    Example: rater prolific create love_vs_hate --places 20 --reward 2.50 --dry-run
    """
    from rater.prolific.studies import Device, DraftOptions, create_draft, draft_published
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study
    from rater.tables.text_file import read_text

    options = DraftOptions(
        n_places=n_places,
        reward=reward,
        description="" if description_file is None else read_text(description_file),
        devices=tuple(map(Device, devices)),
        approves_finished=approve_finished,
    )
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        draft = draft_published(session, get_study(session, study_name), address, options)
    if not _confirm("Create this draft on Prolific:", draft.describe(), yes=yes, dry_run=dry_run):
        return
    made = create_draft(_client(api_url), draft)
    click.echo(f"Draft created: {made}\nNext: rater prolific publish {study_name} --id {made}")


@prolific.command(short_help="List submissions.")
@study_argument
@_id_option
@_api_options
def show(study_name: str, prolific_id: str | None, rating_url: str, api_url: str) -> None:
    """List the submissions of STUDY on Prolific, each with the progress of its rater here.

    \b
    Example: rater prolific show love_vs_hate
    """
    from rater.prolific.submissions import is_late, match_submissions
    from rater.store.engine import reading

    with _opened(study_name, prolific_id, rating_url, api_url) as opened:
        submissions = _submissions(opened)
        with reading(opened.rating) as session:
            matched = match_submissions(session, opened.study.id, submissions)
    for each in matched:
        rater = each.rater
        here = "never began" if rater is None else "finished" if rater.has_finished else "unfinished"
        note = "  (finished here, timed out there: pay by hand)" if is_late(each) else ""
        click.echo(f"{each.submission.participant_id}\t{each.submission.status.lower()}\t{here}{note}")
    counts = Counter(each.submission.status.lower() for each in matched)
    click.echo(
        ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "No submissions.", err=True
    )


@prolific.command(short_help="Free the places of participants who left.")
@study_argument
@_id_option
@_write_options
@_api_options
def sync(
    study_name: str, prolific_id: str | None, rating_url: str, api_url: str, *, yes: bool, dry_run: bool
) -> None:
    """Free the places in STUDY of participants whose submission was returned, timed out or rejected.

    Their answers are kept, and the log records each place. A rater who finished before the submission timed
    out keeps the place.

    \b
    Example: rater prolific sync love_vs_hate
    """
    from rater.prolific.submissions import free_places, match_submissions, plan_freeing
    from rater.store.engine import reading

    with _opened(study_name, prolific_id, rating_url, api_url) as opened:
        submissions = _submissions(opened)
        with reading(opened.rating) as session:
            plan = plan_freeing(match_submissions(session, opened.study.id, submissions))
        if not plan:
            click.echo("No place to free.")
            return
        lines = [f"{each.participant_id}: {each.reason.value}" for each in plan]
        if not _confirm(f"Free {len(plan)} places in {study_name}:", lines, yes=yes, dry_run=dry_run):
            return
        freed = free_places(opened.rating, opened.study.id, plan, by=current_user(), now=datetime.now(UTC))
    click.echo(f"{len(freed.done)} places are free.")
    for each, error in freed.failed:
        click.echo(f"{each.participant_id}: {error}", err=True)


@prolific.command(short_help="Approve submissions.")
@study_argument
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_id_option
@_write_options
@_api_options
def approve(  # noqa: PLR0917 (click's interface)
    study_name: str,
    file: Path,
    prolific_id: str | None,
    rating_url: str,
    api_url: str,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Approve the submissions of the participants in FILE, one ID in each line. Prolific then pays them.

    \b
    Example: rater prolific approve love_vs_hate approve.txt
    """
    from rater.prolific import payments

    ids = payments.read_ids(file)
    with _opened(study_name, prolific_id, rating_url, api_url) as opened:
        found = payments.review(_submissions(opened), ids)
        _show_skipped(found)
        if not found.submissions:
            click.echo("No submission to approve.")
            return
        lines = [each.participant_id for each in found.submissions]
        if not _confirm(f"Approve and pay {len(lines)} submissions:", lines, yes=yes, dry_run=dry_run):
            return
        payments.approve(opened.client, found.submissions)
    click.echo(f"{len(lines)} submissions are approved; Prolific pays within some minutes.")


@prolific.command(short_help="Reject submissions.")
@study_argument
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--category", help="One category for all IDs of FILE, such as FAILED_CHECK.")
@click.option(
    "--message",
    "message_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A text file with one message for all IDs of FILE.",
)
@_id_option
@_write_options
@_api_options
def reject(  # noqa: PLR0913, PLR0917 (click's interface)
    study_name: str,
    file: Path,
    category: str | None,
    message_file: Path | None,
    prolific_id: str | None,
    rating_url: str,
    api_url: str,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Reject submissions by FILE, a table with the columns id, category and message; or a list of IDs.

    Prolific requires a message of at least 100 characters, which the participant reads. Rejected participants
    are not paid; `rater prolific sync` then frees their places.

    \b
    Example: rater prolific reject love_vs_hate reject.csv --dry-run
    Example: rater prolific reject love_vs_hate ids.txt --category FAILED_CHECK --message reason.txt
    """
    from rater.prolific import payments

    rejections = {each.id: each for each in _read_rejections(file, category, message_file)}
    with _opened(study_name, prolific_id, rating_url, api_url) as opened:
        found = payments.review(_submissions(opened), rejections)
        _show_skipped(found)
        rows = [
            (each, rejections.get(each.participant_id) or rejections[each.id]) for each in found.submissions
        ]
        if not rows:
            click.echo("No submission to reject.")
            return
        lines = [f"{each.participant_id}: {why.category}, {why.message}" for each, why in rows]
        if not _confirm(f"Reject {len(rows)} submissions:", lines, yes=yes, dry_run=dry_run):
            return
        for n_done, (each, why) in enumerate(rows):
            try:
                payments.reject(opened.client, each, why)
            except Exception:
                click.echo(f"{n_done} of {len(rows)} submissions were rejected.", err=True)
                raise
    click.echo(f"{len(rows)} submissions are rejected. Next: rater prolific sync {study_name}")


def _read_rejections(file: Path, category: str | None, message_file: Path | None) -> "list[Rejection]":
    """Read a table of rejections, or a list of IDs with one category and message for all.

    Raises:
        RaterError: a file is not valid, or one of category and message is missing.
    """
    from rater.errors import RaterError
    from rater.prolific import payments
    from rater.tables.text_file import read_text

    if category is None and message_file is None:
        return payments.read_rejections(file)
    if category is None or message_file is None:
        msg = "--category and --message belong together; give both, or a table with the columns of each ID."
        raise RaterError(msg)
    message = read_text(message_file)
    return [payments.make_rejection(each, category, message, str(file)) for each in payments.read_ids(file)]


@prolific.command(short_help="Pay bonuses.")
@study_argument
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--again", is_flag=True, help="Also pay participants who have had a bonus before.")
@_id_option
@_write_options
@_api_options
def bonus(  # noqa: PLR0917 (click's interface)
    study_name: str,
    file: Path,
    prolific_id: str | None,
    rating_url: str,
    api_url: str,
    *,
    again: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Pay bonuses by FILE, a table with the columns id and amount, in the study's currency.

    Prolific pays again each time that a payment is sent, so a payment whose answer is lost is not repeated.

    \b
    Example: rater prolific bonus love_vs_hate bonus.csv --dry-run
    """
    from rater.prolific import payments

    bonuses = payments.read_bonuses(file)
    with _opened(study_name, prolific_id, rating_url, api_url) as opened:
        payments.require_payable(_submissions(opened), bonuses, again=again)
        lines = [f"{each.id}: {each.amount:.2f}" for each in bonuses]
        total = sum(each.amount for each in bonuses)
        what = f"Pay {len(bonuses)} bonuses, {total:.2f} in all without Prolific's fee and taxes:"
        if not _confirm(what, lines, yes=yes, dry_run=dry_run):
            return
        for start in range(0, len(bonuses), payments.MAX_BONUSES):
            _pay(opened, bonuses[start : start + payments.MAX_BONUSES], yes=yes)


def _pay(opened: _Opened, bonuses: "list[Bonus]", *, yes: bool) -> None:
    """Set bonuses up, show what is taken from the balance, and pay them."""
    from rater.prolific import payments

    prepared = payments.prepare_bonuses(opened.client, opened.prolific_id, bonuses)
    total = "an unknown amount" if prepared.total is None else f"{prepared.total:.2f}"
    click.echo(f"Prolific will take {total} from the balance for {len(bonuses)} bonuses.", err=True)
    if not yes:
        click.confirm("Pay?", abort=True, err=True)
    payments.pay_bonuses(opened.client, prepared)
    click.echo(f"{len(bonuses)} bonuses are paid; Prolific carries the payment out within some minutes.")


def _change(action: str, effect: str) -> click.Command:
    """Make the command of a change of state on Prolific."""

    @click.command(action, short_help=effect)
    @study_argument
    @_id_option
    @_write_options
    @_api_options
    def change(
        study_name: str, prolific_id: str | None, rating_url: str, api_url: str, *, yes: bool, dry_run: bool
    ) -> None:
        from rater.prolific.studies import StudyAction, change_state, describe_study, read_study

        with _opened(study_name, prolific_id, rating_url, api_url) as opened:
            lines = describe_study(read_study(opened.client, opened.prolific_id))
            what = f"{effect.rstrip('.')} ({opened.prolific_id}):"
            if not _confirm(what, lines, yes=yes, dry_run=dry_run):
                return
            state = change_state(opened.client, opened.prolific_id, StudyAction(action.upper()))
        click.echo(f"Study {study_name} is {state.lower()} on Prolific.")

    change.help = f"{effect}\n\n\b\nExample: rater prolific {action} love_vs_hate"
    return change


for _name, _effect in (
    ("publish", "Publish STUDY on Prolific: participants can begin, and the money is reserved."),
    ("pause", "Pause STUDY on Prolific: no further participants begin."),
    ("start", "Resume STUDY on Prolific after a pause."),
    ("stop", "Stop STUDY on Prolific for good: no further participants begin."),
):
    prolific.add_command(_change(_name, _effect))


@contextmanager
def _opened(study_name: str, prolific_id: str | None, rating_url: str, api_url: str) -> Iterator[_Opened]:
    """Open the rating database, and find the study in it and on Prolific."""
    from rater.prolific.client import require_id
    from rater.prolific.submissions import find_prolific_study
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study

    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, study_name)
            found = (
                find_prolific_study(session, study.id)
                if prolific_id is None
                else require_id(prolific_id, "--id")
            )
        yield _Opened(rating, study, _client(api_url), found)


def _client(api_url: str) -> "ProlificClient":
    from rater.prolific.client import ProlificClient

    return ProlificClient.from_environment(api_url)


def _submissions(opened: _Opened) -> "list[Submission]":
    from rater.prolific.submissions import read_submissions

    return read_submissions(opened.client, opened.prolific_id)


def _confirm(what: str, lines: Iterable[str], *, yes: bool, dry_run: bool) -> bool:
    """Show what would be done, and ask for it; False for a dry run.

    Raises:
        click.Abort: the user declines.
    """
    lines = list(lines)
    click.echo(what, err=True)
    for line in lines[:_MAX_LINES]:
        click.echo(f"  {line}", err=True)
    if len(lines) > _MAX_LINES:
        click.echo(f"  … and {len(lines) - _MAX_LINES} more", err=True)
    if dry_run:
        click.echo("Nothing was changed (--dry-run).")
        return False
    if not yes:
        click.confirm("Continue?", abort=True, err=True)
    return True


def _show_skipped(found: "Review") -> None:
    for skipped, why in found.skipped:
        click.echo(f"Skipped {skipped}: {why}.", err=True)
