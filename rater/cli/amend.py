"""`rater amend`: change a published study's texts, or add raters, as a version with its reason."""

from pathlib import Path

import click

from rater.cli.options import current_user, rating_option, sealed_option, study_argument


@click.command(short_help="Change texts, or add raters, after publication.")
@study_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", required=True, help="Why; kept in the log, which raters never see.")
@click.option("--who", default=current_user, show_default="you", help="Who; kept in the log.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@rating_option
@sealed_option
def amend(
    study_name: str, file: Path, *, reason: str, who: str, yes: bool, rating_url: str, sealed_url: str
) -> None:
    """Put the study in FILE in force as the next version of STUDY, from the next page on.

    Texts around the trials, questions' wording and the like can change, and raters can be added: their
    booklets go on where dealing stopped. Arms, prompts, sampling, rated texts, dimensions with their scales
    and the analysis cannot. The study's hash and commitment stay; the log has the digest of what changed, and
    why. It opens the sealed database, so it is for who may hold that.

    \b
    Example: rater amend love_vs_hate experiments/love_vs_hate.py --reason "Typing error in the consent"
    """
    from datetime import UTC, datetime

    from rater.custody.amend import amend_study, preview
    from rater.errors import StateError
    from rater.study.load import load_study

    study = load_study(file)
    if study.name != study_name:
        msg = f"{file} declares the study {study.name!r}, not {study_name!r}."
        raise StateError(msg)
    if not reason.strip():
        msg = "--reason is empty; say in a sentence why the study is changed."
        raise click.UsageError(msg)
    changes = preview(sealed_url, rating_url, study)
    if not yes:
        click.echo(f"This changes {', '.join(changes)} of study {study_name}.", err=True)
        click.confirm(
            "Raters see the change from their next page on, and the log keeps it for good. Continue?",
            abort=True,
            err=True,
        )
    done = amend_study(sealed_url, rating_url, study, reason=reason.strip(), by=who, now=datetime.now(UTC))
    click.echo(f"Study {study_name} is amended: version {done.version}")
    click.echo(f"  changed   {', '.join(done.changes)}")
    if done.n_raters_added:
        click.echo(f"  raters    {done.n_raters_added} more")
    click.echo(f"  log       {done.log_head}")
    click.echo(f"Next: rater verify {study_name}")
