"""`rater rate`: rate a study in the terminal."""

import click

from rater.cli.options import rating_option, study_argument


@click.command(short_help="Rate a study in the terminal.")
@study_argument
@click.option("--invitation", help="Code of a personal link, if the study requires one.")
@click.option("--as", "person", default="", help="Name of another rater on this machine.")
@rating_option
def rate(study_name: str, rating_url: str, invitation: str | None, person: str) -> None:
    """Rate a study in the terminal, blinded as in the browser. You can quit and continue at any time.

    Names given with --as are stored on this machine only, as a digest.

    \b
    Example: rater rate love_vs_hate
    Example: rater rate love_vs_hate --as ana
    """
    import sys
    from datetime import UTC, datetime

    from platformdirs import user_state_path
    from rich.console import Console

    from rater.cli.outputs import release_output
    from rater.terminal.console import Keyboard
    from rater.terminal.rate import rate_in_terminal

    release_output()
    rate_in_terminal(
        rating_url,
        study_name,
        console=Console(),
        keyboard=Keyboard(sys.stdin),
        state_folder=user_state_path("rater"),
        now=lambda: datetime.now(UTC),
        invitation=invitation,
        person=person.strip(),
    )
