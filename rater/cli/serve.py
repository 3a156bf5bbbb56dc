"""`rater serve`: let raters rate published studies in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from rater.cli.options import DEFAULTS, StudyName, command_name, rating_option
from rater.study.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from rater.store.rating.studies import Progress, PublishedStudy
    from rater.web.logs import LogFormat
    from rater.web.settings import WebSettings


class ServeOptions(TypedDict):
    """The options of `rater serve`, without the studies and their database."""

    host: str
    port: int
    socket_path: Path | None
    workers: int
    drain_s: int
    with_desk: bool
    reports_folder: Path | None
    n_proxies: int
    prefix: str
    is_https: bool
    one_network: bool
    limits_storage: str
    metrics_token: str | None
    webhook_url: str | None
    webhook_secret: str | None
    webhook_attrition: float
    webhook_checks: float
    log_format: "LogFormat"
    log_level: str
    dev: bool


@click.command(short_help="Serve published studies to raters.")
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
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="RATER_SOCKET",
    help="A Unix socket to listen on instead of an address and port, for a proxy on this machine.",
)
@click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    envvar="RATER_WORKERS",
    help="Number of worker processes; for a large study on PostgreSQL, the number of cores.",
)
@click.option(
    "--drain",
    "drain_s",
    default=5,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 300),
    envvar="RATER_DRAIN",
    help="After SIGTERM, report 503 at /readyz for this time before the server stops.",
)
@click.option("--desk", "with_desk", is_flag=True, envvar="RATER_DESK", help="Serve the desk at /desk, too.")
@click.option(
    "--reports",
    "reports_folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="RATER_REPORTS",
    help="Folder with a report folder for each study (DIR/STUDY); the desk shows them after unblinding.",
)
@click.option(
    "--proxies",
    "n_proxies",
    default=0,
    show_default=True,
    type=click.IntRange(0, 9),
    envvar="RATER_PROXIES",
    help="Number of trusted reverse proxies (X-Forwarded-For hops).",
)
@click.option(
    "--prefix",
    default="",
    metavar="PATH",
    envvar="RATER_PREFIX",
    help="The path under which raters reach the server, such as /rater.",
)
@click.option(
    "--https",
    "is_https",
    is_flag=True,
    envvar="RATER_HTTPS",
    help="Served over HTTPS: set Secure cookies and HSTS.",
)
@click.option(
    "--one-network",
    is_flag=True,
    envvar="RATER_ONE_NETWORK",
    help="Raters share one IP address, as in a lab: it may begin more than half of the booklets.",
)
@click.option(
    "--limits-storage",
    default="memory://",
    show_default=True,
    metavar="URL",
    envvar="RATER_LIMITS_STORAGE",
    help="Storage of rate limits: each process's memory, or a Redis or Valkey server for all.",
)
@click.option(
    "--metrics-token",
    envvar="RATER_METRICS_TOKEN",
    show_envvar=True,
    help="Token with which other machines may read /metrics; better set by the environment variable.",
)
@click.option(
    "--webhook",
    "webhook_url",
    metavar="URL",
    envvar="RATER_WEBHOOK",
    help="Address to which events are posted: a study is full, limits are exceeded, the server has errors.",
)
@click.option(
    "--webhook-secret",
    envvar="RATER_WEBHOOK_SECRET",
    show_envvar=True,
    help="Secret with which these messages are signed; set it by the environment variable.",
)
@click.option(
    "--webhook-attrition",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1),
    envvar="RATER_WEBHOOK_ATTRITION",
    help="Proportion of raters who left, above which an event is posted.",
)
@click.option(
    "--webhook-checks",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1),
    envvar="RATER_WEBHOOK_CHECKS",
    help="Proportion of raters who failed an attention check, above which an event is posted.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="RATER_LOG_FORMAT",
    help="Log as text or as JSON objects; neither names clients.",
)
@click.option(
    "--log-level",
    type=click.Choice(["warning", "info"]),
    default="warning",
    show_default=True,
    envvar="RATER_LOG_LEVEL",
    help="info logs every request, too.",
)
@click.option("--dev", is_flag=True, help="Flask's development server; it restarts when the code changes.")
@rating_option
def serve(study_names: tuple[str, ...], rating_url: str, **options: "Unpack[ServeOptions]") -> None:
    """Serve published studies to raters until Ctrl-C, and print their addresses (all, or those of STUDY).

    On SIGHUP the worker processes are replaced, each after it has finished its requests. On SIGTERM a load
    balancer has --drain seconds to notice at /readyz that the server stops. Ctrl-C stops it at once.

    \b
    Example: rater serve --port 8000
    Example: rater serve --desk --workers 4 --proxies 1 --https
    Example: rater serve --proxies 1 --https --prefix /rater
    """
    import os

    from rater.web import logs
    from rater.web.server import serve as serve_app
    from rater.web.server import serve_dev
    from rater.web.settings import drop_sealed_settings, restart_without_sealed_settings

    _note_if_readable(os.environ.get("RATER_SEALED"))
    restart_without_sealed_settings()
    studies = _read_studies(rating_url, study_names, needs_one=not options["with_desk"])
    lines = [(study.slug, _line(study, progress)) for study, progress in studies]
    results = _results([study for study, _ in studies])
    _note_if_readable(DEFAULTS.sealed_url)
    _warn(rating_url, with_desk=options["with_desk"])
    drop_sealed_settings(os.environ)
    logs.configure(options["log_format"], options["log_level"])
    settings = _read_settings(rating_url, options)

    def on_listening(address: str) -> None:
        if options["socket_path"] is not None:
            click.echo(f"Listening on {options['socket_path']}; put your proxy's address before these paths:")
            address = ""
        for slug, line in lines:
            click.echo(f"{address}{settings.prefix}/s/{slug}   {line}")
        if settings.with_desk:
            click.echo(f"{address}{settings.prefix}/desk   for you")
        click.echo("Serving until you press Ctrl-C; every answer is saved at once.")
        if results is not None:
            click.echo(results)

    if options["dev"]:
        serve_dev(settings, options["host"], options["port"], on_listening=on_listening)
        return
    serve_app(
        settings,
        options["host"],
        options["port"],
        socket_path=options["socket_path"],
        workers=options["workers"],
        drain_s=options["drain_s"],
        log_format=options["log_format"],
        on_listening=on_listening,
    )


def _read_settings(rating_url: str, options: "ServeOptions") -> "WebSettings":
    """Return the settings of the web app that the options declare."""
    from rater.web.app import read_prefix
    from rater.web.rate_limits import read_storage
    from rater.web.settings import WebSettings
    from rater.web.webhook import read_webhook

    return WebSettings(
        rating_url,
        prefix=read_prefix(options["prefix"]),
        secure_cookies=options["is_https"],
        n_proxies=options["n_proxies"],
        one_network=options["one_network"],
        with_desk=options["with_desk"],
        reports_folder=options["reports_folder"],
        limits_storage=read_storage(options["limits_storage"]),
        metrics_token=options["metrics_token"],
        webhook=read_webhook(
            options["webhook_url"],
            options["webhook_secret"],
            max_attrition=options["webhook_attrition"],
            max_failing=options["webhook_checks"],
        ),
    )


def _note_if_readable(sealed_url: str | None) -> None:
    """Print a note if the sealed database can be read by this user."""
    if sealed_url is not None and _can_read(sealed_url):
        click.echo(
            "Note: this user can read the sealed database. For raters on the internet, run `rater serve` as "
            "a system user who cannot.",
            err=True,
        )


def _warn(rating_url: str, *, with_desk: bool) -> None:
    """Print a note if the desk is served and has no users."""
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import list_users

    if with_desk:
        with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
            if not list_users(session):
                click.echo(f"Note: the desk has no users yet. Run: {command_name()} user add NAME", err=True)


def _read_studies(
    rating_url: str, study_names: tuple[str, ...], *, needs_one: bool
) -> "list[tuple[PublishedStudy, Progress]]":
    """Return the studies to serve and their progress.

    Raises:
        StateError: a named study is not published, or none is published and one is needed.
    """
    from rater.errors import StateError
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study, list_studies, read_progress

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        studies = [get_study(session, name) for name in study_names] or list_studies(session)
        if not studies and needs_one:
            msg = "No study is published yet. Run: rater publish STUDY"
            raise StateError(msg)
        return [(study, read_progress(session, study.id)) for study in studies]


def _results(studies: "Sequence[PublishedStudy]") -> str | None:
    """Return the command that shows progress while a study is open, or results once all are closed.

    An interim look is never suggested: it inflates the type I error, and a report lists it as a failed check.
    """
    still_open = [study for study in studies if study.state is State.OPEN]
    over = [study for study in studies if study.state.is_over]
    seen = still_open or (over if len(over) == len(studies) else [])
    if not seen:
        return None
    name = seen[0].name if len(seen) == 1 else "STUDY"
    if still_open:
        return f"Progress, in another terminal: {command_name()} status {name}"
    return f"Results, in another terminal: {command_name()} analyze {name}"


def _line(study: "PublishedStudy", progress: "Progress") -> str:
    finished = f"{progress.n_finished} of {progress.n_booklets} raters finished"
    by_invitation = f"open to personal links only; make them with: rater invite {study.name}"
    meaning = {
        State.OPEN: by_invitation if study.protocol.invited_only else "open",
        State.PUBLISHED: f"not open yet; run: rater open {study.name}",
        State.PAUSED: "paused: raters are asked to come back later",
        State.CLOSED: "closed: raters see that it has ended",
        State.UNBLINDED: "unblinded: raters see that it has ended",
    }
    return f"{study.name}: {study.protocol.title} ({meaning.get(study.state, study.state)}; {finished})"


def _can_read(sealed_url: str) -> bool:
    import os

    from rater.store.engine import sqlite_path

    path = sqlite_path(sealed_url)
    return path is not None and os.access(path, os.R_OK)
