"""`rater recover`: take in the answers that a rater downloaded because they could not be sent."""

from pathlib import Path

import click

from rater.cli.options import rating_option


@click.command(short_help="Take in answers that a rater downloaded.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@rating_option
def recover(file: Path, rating_url: str) -> None:
    """Take in FILE, which a rater downloaded because their answers could not be sent; each answer once.

    The study must still be open. Sending a file twice is harmless.

    \b
    Example: rater recover answers-3f9a1c.json
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.web.recovery_file import read_recovery_file, take_in

    read = read_recovery_file(file)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        recovered = take_in(session, read, now=datetime.now(UTC))
    click.echo(
        f"{recovered.study_name}: {_answers(recovered.n_taken_in)} taken in, "
        f"{recovered.n_there_already} already there."
    )


def _answers(n: int) -> str:
    return "1 answer" if n == 1 else f"{n} answers"
