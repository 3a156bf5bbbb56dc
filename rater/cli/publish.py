"""`rater publish`, `open` and `close`: give raters a study, and take it back."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument

if TYPE_CHECKING:
    from rater.publish.prepare import Prepared


@click.command(short_help="Give a generated study to raters.")
@study_argument
@click.option("--hold", is_flag=True, help="Do not open the study yet (run `rater open` later).")
@rating_option
@sealed_option
def publish(study_name: str, rating_url: str, sealed_url: str, *, hold: bool) -> None:
    """Shuffle a generated study under random ids, deal booklets, commit to the key, and open it to raters.

    What would be published is audited first (see `rater audit`): what betrays an arm refuses publication, and
    what tells arms apart besides meaning is printed, to be declared.

    \b
    Example: rater publish love_vs_hate
    """
    from datetime import UTC, datetime

    from rater.publish.lifecycle import open_study
    from rater.publish.publish import find_published, publish_study

    published = find_published(rating_url, study_name)
    if published is not None:
        click.echo(
            f"Study {study_name} is published already, and {published.state}; what raters see is frozen."
        )
        click.echo("Next: rater serve")
        return

    def audit(prepared: "Prepared") -> None:
        _audit(sealed_url, prepared)

    published = publish_study(sealed_url, rating_url, study_name, now=datetime.now(UTC), audit=audit)
    click.echo(f"Study {study_name} is published as /s/{published.slug}")
    click.echo(f"  study hash   {published.study_hash}")
    click.echo(f"  commitment   {published.commitment}  (keep a copy: it proves the key unchanged)")
    if hold:
        click.echo(f"Next: rater open {study_name}")
        return
    head = open_study(rating_url, study_name, now=datetime.now(UTC))
    click.echo(f"  log          {head}")
    click.echo("Next: rater serve")


def _audit(sealed_url: str, prepared: "Prepared") -> None:
    """Audit what would be published, and print what speaks against it.

    Raises:
        StateError: it would betray an arm.
    """
    from rich.console import Console

    from rater.errors import StateError
    from rater.publish.audit.studies import audit_draft
    from rater.report.audit import print_audit

    name = prepared.study.name
    click.echo(f"Auditing what raters of {name} will get (a few seconds) …", err=True)
    found = audit_draft(sealed_url, prepared)
    print_audit(found, Console(), whole=False)
    if found.is_refused:
        msg = (
            f"Study {name!r} is not published: what is listed above would betray its arms. "
            f"Rename or remove it where it stands, and see all of it with: rater audit {name}"
        )
        raise StateError(msg)


@click.command(name="open", short_help="Let raters in (again).")
@study_argument
@rating_option
def open_(study_name: str, rating_url: str) -> None:
    """Let raters into a published (or closed, but not unblinded) study.

    \b
    Example: rater open love_vs_hate
    """
    from datetime import UTC, datetime

    from rater.publish.lifecycle import open_study

    head = open_study(rating_url, study_name, now=datetime.now(UTC))
    click.echo(f"Study {study_name} is open.\n  log   {head}\nNext: rater serve")


@click.command(name="close", short_help="Take no more answers.")
@study_argument
@rating_option
def close_(study_name: str, rating_url: str) -> None:
    """Take no more answers; raters see a friendly page.

    \b
    Example: rater close love_vs_hate
    """
    from datetime import UTC, datetime

    from rater.publish.lifecycle import close_study

    head = close_study(rating_url, study_name, now=datetime.now(UTC))
    click.echo(f"Study {study_name} is closed.\n  log   {head}\nNext: rater analyze {study_name}")
