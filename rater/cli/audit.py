"""`rater audit`: look for what could tell raters which arm made a text."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json

if TYPE_CHECKING:
    from rater.publish.audit.findings import Audit


@click.command(short_help="Look for what could betray an arm to raters.")
@study_argument
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option("--all", "every_cue", is_flag=True, help="List every cue, those that tell no arms apart too.")
@rating_option
@sealed_option
def audit(study_name: str, rating_url: str, sealed_url: str, *, as_json: bool, every_cue: bool) -> None:
    """Search all that raters get for what names an arm, and measure what tells arms apart besides meaning.

    Every table and byte of the rating database and every page are searched for arm names, steering texts,
    hook points, coefficients, seeds and the model's name. A study that is not published yet is audited as it
    would be. Exit code 2 where it must not be published so.

    \b
    Example: rater audit love_vs_hate
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from rater.cli.options import USER_MISTAKE
    from rater.publish.audit.studies import audit_study
    from rater.report.audit import print_audit

    click.echo("Searching tables, bytes and pages (a few seconds) …", err=True)
    found = audit_study(sealed_url, rating_url, study_name, now=datetime.now(UTC))
    if as_json:
        echo_json(_figures(found))
    else:
        print_audit(found, Console(), every_cue=every_cue)
    if found.is_refused:
        click.get_current_context().exit(USER_MISTAKE)


def _figures(found: "Audit") -> dict[str, object]:
    """Give all that was found by name, with what follows from it."""
    from dataclasses import asdict

    cues = [{**asdict(cue), "is_confound": cue.is_confound, "refuses": cue.refuses} for cue in found.cues]
    return {"is_refused": found.is_refused, **asdict(found), "cues": cues}
