"""`rater user`: manage the users of the desk."""

import sys

import click

from rater.cli.options import Command, rating_option

_NAME = click.argument("name", metavar="NAME")


def _read_password(context: click.Context, _option: click.Parameter, from_stdin: object) -> str:
    """Read a password: one line of standard input, or typed twice without showing it."""
    if context.resilient_parsing:  # a shell completes the command
        return ""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(
        click.prompt("Password", hide_input=True, confirmation_prompt="Repeat for confirmation", err=True)
    )


def asking_password(command: Command) -> Command:
    """Add the argument ``password`` to a command: typed twice, or read from standard input."""
    return click.option(
        "--password-stdin",
        "password",
        is_flag=True,
        callback=_read_password,
        help="Read the password from standard input.",
    )(command)


@click.group(short_help="Manage the users of the desk.")
def user() -> None:
    """Manage the experimenters who can log in at the desk (`rater serve --desk`).

    \b
    Example: rater user add ada
    """


@user.command("add", short_help="Add a user.")
@_NAME
@asking_password
@rating_option
def add(name: str, rating_url: str, *, password: str) -> None:
    """Add a user; the password needs at least ten characters.

    \b
    Example: rater user add ada
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import create_rating
    from rater.store.rating.users import add_user

    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        add_user(session, name, password, now=datetime.now(UTC))
    click.echo(f"{name} can log in at the desk. Next: rater serve --desk")


@user.command("password", short_help="Change a user's password.")
@_NAME
@asking_password
@rating_option
def password_(name: str, rating_url: str, *, password: str) -> None:
    """Change a user's password, and end all their sessions.

    \b
    Example: rater user password ada
    """
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import change_password

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        change_password(session, name, password)
    click.echo(f"Password of {name} changed; all their sessions have ended.")


@user.command("remove", short_help="Remove a user.")
@_NAME
@rating_option
def remove(name: str, rating_url: str) -> None:
    """Remove a user, and end all their sessions.

    \b
    Example: rater user remove ada
    """
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import remove_user

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        remove_user(session, name)
    click.echo(f"{name} is removed and can no longer log in.")


@user.command("list", short_help="List the users.")
@rating_option
def list_(rating_url: str) -> None:
    """List the users of the desk.

    \b
    Example: rater user list
    """
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import list_users

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        users = list_users(session)
    for each in users:
        click.echo(f"{each.name}   since {each.made_at:%Y-%m-%d}")
    if not users:
        click.echo("No users yet. Run: rater user add NAME", err=True)
