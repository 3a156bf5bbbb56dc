"""`rater user`: who may sit at the experimenters' desk."""

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
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same once more", err=True))


def asking_password(command: Command) -> Command:
    """Give a command its ``password``: typed twice, or a line of standard input for who has no keyboard."""
    return click.option(
        "--password-stdin",
        "password",
        is_flag=True,
        callback=_read_password,
        help="Read the password from standard input.",
    )(command)


@click.group(short_help="Say who may sit at the desk.")
def user() -> None:
    """Add and remove experimenters, who log in at the desk that `rater serve --desk` adds.

    \b
    Example: rater user add ada
    """


@user.command("add", short_help="Add a user.")
@_NAME
@asking_password
@rating_option
def add(name: str, rating_url: str, *, password: str) -> None:
    """Add a user, and ask twice for a password of at least ten characters.

    \b
    Example: rater user add ada
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import create_rating
    from rater.store.rating.users import add_user

    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        add_user(session, name, password, now=datetime.now(UTC))
    click.echo(f"{name} may log in at the desk. Next: rater serve --desk")


@user.command("password", short_help="Give a user another password.")
@_NAME
@asking_password
@rating_option
def password_(name: str, rating_url: str, *, password: str) -> None:
    """Give a user another password, and log them out everywhere.

    \b
    Example: rater user password ada
    """
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import change_password

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        change_password(session, name, password)
    click.echo(f"{name} has another password, and is logged out everywhere.")


@user.command("remove", short_help="Remove a user.")
@_NAME
@rating_option
def remove(name: str, rating_url: str) -> None:
    """Remove a user, and log them out everywhere.

    \b
    Example: rater user remove ada
    """
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.users import remove_user

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        remove_user(session, name)
    click.echo(f"{name} may not log in any more.")


@user.command("list", short_help="List the users.")
@rating_option
def list_(rating_url: str) -> None:
    """List who may sit at the desk.

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
        click.echo("Nobody yet. Run: rater user add NAME", err=True)
