"""`rater archive` and `rater import`: one zip with everything, and back."""

from pathlib import Path

import click

from rater.cli.options import OutputFile, rating_option, sealed_option, study_argument


@click.command(short_help="Put an unblinded study into one zip.")
@study_argument
@click.argument("file", type=OutputFile(".zip"))
@click.option(
    "--report",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of a report of this study, to go with it.",
)
@click.option("--identifiers", is_flag=True, help="With what recruitment sites say of who raters are.")
@rating_option
@sealed_option
def archive(
    study_name: str, file: Path, *, report: Path | None, identifiers: bool, rating_url: str, sealed_url: str
) -> None:
    """Write FILE.zip with all that another machine needs to verify and analyse STUDY anew.

    Protocol, key, completions, answers, log, preregistration, versions, and a report if you give one. Raters'
    own words are in it, and so are the arms; who raters are is not, unless you ask for it.

    \b
    Example: rater archive love_vs_hate love_vs_hate.zip --report report
    """
    from datetime import UTC, datetime

    from rater.custody.archive import archive_study

    done = archive_study(
        sealed_url,
        rating_url,
        study_name,
        file,
        now=datetime.now(UTC),
        report=report,
        with_identifiers=identifiers,
    )
    click.echo(f"Study {study_name} is archived in {done.path} ({done.n_bytes:,} bytes)")
    click.echo(f"  sha256   {done.digest}")
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next, on another machine: rater import {done.path.name}")


@click.command(name="import", short_help="Read an archive back into fresh databases.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@rating_option
@sealed_option
def import_(file: Path, rating_url: str, sealed_url: str) -> None:
    """Read an archive into databases that hold no study yet, after everything in it was verified.

    \b
    Example: rater import love_vs_hate.zip --ratings again/rating.db --sealed again/sealed.db
    """
    from rater.custody.unarchive import import_study

    done = import_study(file, rating_url=rating_url, sealed_url=sealed_url)
    n_intact = sum(check.outcome == "intact" for check in done.checks)
    click.echo(
        f"Study {done.name} is read back; {n_intact} of {len(done.checks)} checks passed, none failed."
    )
    click.echo(f"  log      {done.log_head}")
    click.echo(f"Next: rater verify {done.name} and rater analyze {done.name}, with the same databases")
