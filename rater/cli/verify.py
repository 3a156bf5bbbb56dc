"""`rater verify`: recompute all that a study's log and commitment vouch for."""

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json
from rater.errors import RaterError


@click.command(short_help="Say whether anything was altered, and what.")
@study_argument
@click.option("--head", help="A head of the log, printed before and kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@rating_option
@sealed_option
def verify(study_name: str, head: str | None, rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    """Recompute the log's chain, its digests and the commitment to the key, and print what was altered.

    The verdict comes first, then each check, then what no check can prove. Nothing is written, so that a copy
    on a read-only medium can be verified. With --head, a head that `rater publish`, `open`, `close` or
    `analyze` printed, a rewriting of the whole log is found too. Without the sealed database only what does
    not need it is verified. Exit code 2 where anything was altered.

    \b
    Example: rater verify love_vs_hate --head 0f3a…
    """
    import re
    from dataclasses import asdict

    from rater.cli.options import USER_MISTAKE
    from rater.verify import names_of_altered, verify_study
    from rater.verify.unprovable import UNPROVABLE

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head.strip().lower()):
        msg = f"head is {head!r}; valid: all 64 characters (0-9, a-f) of a head that was printed"
        raise RaterError(msg)
    checks = list(verify_study(rating_url, study_name, sealed_url=sealed_url, head=head))
    altered = names_of_altered(checks)
    if as_json:
        echo_json([asdict(check) for check in checks])
    else:
        verdict = f"ALTERED: {', '.join(altered)}." if altered else "Nothing was found to be altered."
        click.echo(f"{verdict}\n")
        for check in checks:
            click.echo(f"{check.outcome:<12} {check.name}: {check.says}")
        click.echo("\nWhat no check can prove:")
        for each in UNPROVABLE:
            click.echo(f"  {each.what}: {each.why}")
    if altered:
        click.get_current_context().exit(USER_MISTAKE)
