"""`rater audit` and `rater publish`: audit a generated study, and publish it to raters."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json
from rater.study.state import State
from rater.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rater.audit.findings import Audit
    from rater.publish.draft import PreparedPublication
    from rater.study.confounds import Confound
    from rater.study.study import Study


@click.command(short_help="Search for leaks and confounds.")
@study_argument
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option(
    "--all", "every_cue", is_flag=True, help="List every cue, including those that do not separate arms."
)
@rating_option
@sealed_option
def audit(study_name: str, rating_url: str, sealed_url: str, *, as_json: bool, every_cue: bool) -> None:
    """Search everything that raters get for leaks of an arm, and measure confounds.

    Every table and byte of the rating database, and every page, is searched for arm names, steering texts,
    hook points, coefficients, seeds and the model's name. Confounds are properties other than meaning that
    separate arms. An unpublished study is audited as it would be published. Exit code 2 if it must not be
    published.

    \b
    Example: rater audit love_vs_hate
    """
    from rich.console import Console

    from rater.cli.options import USER_MISTAKE
    from rater.report.console.audit import print_audit

    click.echo("Searching tables, bytes and pages (a few seconds) …", err=True)
    result = Workspace(rating=rating_url, sealed=sealed_url).audit(study_name)
    if as_json:
        echo_json(_figures(result))
    else:
        print_audit(result, Console(), every_cue=every_cue)
    if result.is_refused:
        click.get_current_context().exit(USER_MISTAKE)


def _figures(audit: "Audit") -> dict[str, object]:
    """Return all findings as JSON."""
    from dataclasses import asdict

    cues = [{**asdict(cue), "is_confound": cue.is_confound, "refuses": cue.refuses} for cue in audit.cues]
    return {"is_refused": audit.is_refused, **asdict(audit), "cues": cues}


# The next command after a study is published, by its state; a closed study can be analysed.
_NEXT = {
    State.PUBLISHED: "rater open {name}",
    State.OPEN: "rater serve",
    State.PAUSED: "rater open {name}",
}


@click.command(short_help="Publish a generated study to raters.")
@study_argument
@click.option("--hold", is_flag=True, help="Do not open the study yet (run `rater open` later).")
@click.option(
    "--acknowledge-confounds",
    is_flag=True,
    help="Publish although the study file does not declare a confound; logged and reported.",
)
@rating_option
@sealed_option
def publish(
    study_name: str, rating_url: str, sealed_url: str, *, hold: bool, acknowledge_confounds: bool
) -> None:
    """Randomise a generated study, assign booklets, commit to the key, and open the study to raters.

    It is audited first (see `rater audit`): a leak of an arm prevents publication. Confounds must be declared
    in the study file (`confounds=`) or acknowledged here; they are logged with the key, and appear in the
    preregistration and the report.

    \b
    Example: rater publish love_vs_hate
    """
    from rich.console import Console

    from rater.report.console.audit import print_audit

    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    published = workspace.find_published(study_name)
    if published is not None:
        state = "not open yet" if published.state is State.PUBLISHED else published.state
        click.echo(f"Study {study_name} is published already ({state}); its texts can no longer change.")
        next_step = _NEXT.get(published.state, "rater analyze {name}")
        click.echo(f"Next: {next_step.format(name=study_name)}")
        return

    audits: list[Audit] = []

    def audit(prepared: "PreparedPublication") -> "Sequence[Confound]":
        audits.append(_audit(sealed_url, prepared))
        return _confounds(audits[0], prepared.study, is_acknowledged=acknowledge_confounds)

    published = workspace.publish(study_name, hold=hold, audit=audit)
    # Nothing is printed before publication is complete, since a closed pipe would end the command.
    head = workspace.read_log_head(study_name)
    print_audit(audits[0], Console(), whole=False)
    click.echo(f"Study {study_name} is published as /s/{published.slug}")
    click.echo(f"  study hash   {published.study_hash}")
    click.echo(f"  commitment   {published.commitment}  (keep a copy: it proves that the key is unchanged)")
    click.echo(f"  log          {head}")
    if hold:
        click.echo(f"Next: rater register {study_name}, and then: rater open {study_name}")
        return
    invite = f"rater invite {study_name} --n 20 --csv links.csv, and then: "
    click.echo(f"Next: {invite if published.protocol.invited_only else ''}rater serve")


def _audit(sealed_url: str, prepared: "PreparedPublication") -> "Audit":
    """Audit a study before publication; print the findings if they prevent it.

    Raises:
        StateError: it leaks an arm, or two arms have the same texts throughout.
    """
    from rich.console import Console

    from rater.audit.run import audit_draft, require_clean
    from rater.report.console.audit import print_audit

    click.echo(f"Auditing study {prepared.study.name} (a few seconds) …", err=True)
    result = audit_draft(sealed_url, prepared)
    if result.is_refused:
        print_audit(result, Console(), whole=False)
    require_clean(result, prepared.study)
    return result


def _confounds(audit: "Audit", study: "Study", *, is_acknowledged: bool) -> "Sequence[Confound]":
    """Return the confounds; at a terminal, ask about those that the study file does not declare.

    Raises:
        StateError: a confound is neither declared nor acknowledged.
    """
    import sys

    from rich.console import Console

    from rater.audit.findings import find_confounds
    from rater.report.console.audit import print_audit
    from rater.study.confounds import require_declared, undeclared_cues

    confounds = find_confounds(audit, study)
    undeclared = undeclared_cues(confounds)
    if is_acknowledged or not undeclared:
        return confounds
    if sys.stdin.isatty() and sys.stdout.isatty():
        print_audit(audit, Console(), whole=False)
        question = f"The study file does not declare {', '.join(undeclared)}. Acknowledge and publish?"
        if click.confirm(question, default=False):
            return confounds
    require_declared(confounds, study)
    return confounds
