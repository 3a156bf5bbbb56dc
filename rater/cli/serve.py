"""`rater serve`: let raters rate in the browser."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import DEFAULT_SEALED, StudyName, command_name, rating_option

if TYPE_CHECKING:
    from rater.store.rating.studies import Progress, PublishedStudy


@click.command(short_help="Let raters rate in the browser.")
@click.argument("study_names", metavar="[STUDY]...", nargs=-1, type=StudyName())
@click.option(
    "--host", default="127.0.0.1", show_default=True, envvar="RATER_HOST", help="The address to listen on."
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    envvar="RATER_PORT",
    help="The port to listen on; 0 takes a free one.",
)
@rating_option
def serve(study_names: tuple[str, ...], host: str, port: int, rating_url: str) -> None:
    """Serve published studies to raters until Ctrl-C, and print their addresses (all, or those of STUDY).

    \b
    Example: rater serve --port 8000
    """
    import os

    from rater.web.server import serve as serve_app
    from rater.web.settings import WebSettings, drop_sealed_settings

    lines = _study_lines(rating_url, study_names)
    if _can_read(os.environ.get("RATER_SEALED", DEFAULT_SEALED)):
        click.echo(
            "Note: you can read the sealed database too. To raters on the internet, serve as another user.",
            err=True,
        )
    drop_sealed_settings(os.environ)

    def on_listening(address: str) -> None:
        for slug, line in lines:
            click.echo(f"{address}/s/{slug}   {line}")
        click.echo("Serving until you press Ctrl-C; every answer is saved at once.")
        click.echo(
            f"Results, in another terminal: {command_name()} analyze STUDY --look (it leaves the study open)"
        )

    serve_app(WebSettings(rating_url), host, port, on_listening=on_listening)


def _study_lines(rating_url: str, study_names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Give each study's slug and what to say of it.

    Raises:
        StateError: one that is named is not published, or none is.
    """
    from rater.errors import StateError
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study, list_studies, read_progress

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        studies = [get_study(session, name) for name in study_names] or list_studies(session)
        if not studies:
            msg = "No study is published yet. Run: rater publish STUDY"
            raise StateError(msg)
        progress = {study.slug: read_progress(session, study.id) for study in studies}
    return [(study.slug, _line(study, progress[study.slug])) for study in studies]


def _line(study: "PublishedStudy", progress: "Progress") -> str:
    finished = f"{progress.n_finished} of {progress.n_booklets} raters finished"
    meaning = {
        "published": f"not open yet; run: rater open {study.name}",
        "closed": "closed: raters see that it is over",
        "unblinded": "unblinded: raters see that it is over",
    }
    return f"{study.name}: {study.protocol.title} ({meaning.get(study.state, study.state)}; {finished})"


def _can_read(sealed_url: str) -> bool:
    import os

    from rater.store.engine import sqlite_path

    path = sqlite_path(sealed_url)
    return path is not None and os.access(path, os.R_OK)
