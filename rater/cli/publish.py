"""`rater publish`: give raters a generated study."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.study.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rater.publish.audit.findings import Audit
    from rater.publish.prepare import Prepared
    from rater.study.confounds import Confound
    from rater.study.study import Study

_NEXT = {
    State.PUBLISHED: "rater open {name}",
    State.OPEN: "rater serve",
    State.PAUSED: "rater open {name}",
}
"""What to run with a study that is published already, by its state; what is closed can be analysed."""


@click.command(short_help="Give a generated study to raters.")
@study_argument
@click.option("--hold", is_flag=True, help="Do not open the study yet (run `rater open` later).")
@click.option(
    "--acknowledge-confounds",
    is_flag=True,
    help="Publish although arms differ in what the study file does not declare; this is logged and reported.",
)
@rating_option
@sealed_option
def publish(
    study_name: str, rating_url: str, sealed_url: str, *, hold: bool, acknowledge_confounds: bool
) -> None:
    """Shuffle a generated study under random ids, deal booklets, commit to the key, and open it to raters.

    What would be published is audited first (see `rater audit`): what betrays an arm refuses publication.
    Confounds, which tell arms apart although they are not meaning, must be declared in the study file
    (`confounds=`) or acknowledged here; they are logged with the key, and in preregistration and report.

    \b
    Example: rater publish love_vs_hate
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from rater.publish.lifecycle import open_study, read_head
    from rater.publish.publish import find_published, publish_study
    from rater.report.audit import print_audit

    published = find_published(rating_url, study_name)
    if published is not None:
        state = "not open yet" if published.state is State.PUBLISHED else published.state
        click.echo(f"Study {study_name} is published already ({state}); what raters see is frozen.")
        next_step = _NEXT.get(published.state, "rater analyze {name}")
        click.echo(f"Next: {next_step.format(name=study_name)}")
        return

    audits: list[Audit] = []

    def audit(prepared: "Prepared") -> "Sequence[Confound]":
        audits.append(_audit(sealed_url, prepared))
        return _confounds(audits[0], prepared.study, is_acknowledged=acknowledge_confounds)

    published = publish_study(sealed_url, rating_url, study_name, now=datetime.now(UTC), audit=audit)
    # nothing is printed before all is done: a closed pipe would end the command in between
    head = (
        read_head(rating_url, study_name)
        if hold
        else open_study(rating_url, study_name, now=datetime.now(UTC))
    )
    print_audit(audits[0], Console(), whole=False)
    click.echo(f"Study {study_name} is published as /s/{published.slug}")
    click.echo(f"  study hash   {published.study_hash}")
    click.echo(f"  commitment   {published.commitment}  (keep a copy: it proves the key unchanged)")
    click.echo(f"  log          {head}")
    if hold:
        click.echo(f"Next: rater register {study_name}, and then: rater open {study_name}")
        return
    invite = f"rater invite {study_name} --n 20 --csv links.csv, and then: "
    click.echo(f"Next: {invite if published.protocol.invited_only else ''}rater serve")


def _audit(sealed_url: str, prepared: "Prepared") -> "Audit":
    """Audit what would be published; a refusal is printed.

    Raises:
        StateError: it would betray an arm, or two arms have the same texts throughout.
    """
    from rich.console import Console

    from rater.errors import StateError
    from rater.publish.audit.studies import audit_draft
    from rater.publish.same_texts import require_different_arms
    from rater.report.audit import print_audit

    name = prepared.study.name
    click.echo(f"Auditing what raters of {name} will get (a few seconds) …", err=True)
    result = audit_draft(sealed_url, prepared)
    if result.is_refused:
        print_audit(result, Console(), whole=False)
        msg = (
            f"Study {name!r} is not published: what is listed above would betray its arms. "
            f"Rename or remove it where it stands, and see all of it with: rater audit {name}"
        )
        raise StateError(msg)
    require_different_arms(prepared.study, result.same)
    return result


def _confounds(audit: "Audit", study: "Study", *, is_acknowledged: bool) -> "Sequence[Confound]":
    """List the confounds; at a terminal, ask for those that the study file does not declare.

    Raises:
        StateError: some are neither declared nor acknowledged.
    """
    import sys

    from rich.console import Console

    from rater.publish.audit.findings import find_confounds
    from rater.publish.confounds import require_declared, undeclared_cues
    from rater.report.audit import print_audit

    confounds = find_confounds(audit, study)
    undeclared = undeclared_cues(confounds)
    if is_acknowledged or not undeclared:
        return confounds
    if sys.stdin.isatty() and sys.stdout.isatty():
        print_audit(audit, Console(), whole=False)
        question = f"The study file does not declare {', '.join(undeclared)}. Publish with it acknowledged?"
        if click.confirm(question, default=False):
            return confounds
    require_declared(confounds, study)
    return confounds
