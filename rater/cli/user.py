"""`rater user`: manage the users of the desk."""

import sys
from typing import TYPE_CHECKING

import click

from rater.cli.options import Command, StudyName, rating_option

if TYPE_CHECKING:
    from rater.store.rating.rights import Rights
    from rater.store.rating.schema import StudyRole

_NAME = click.argument("name", metavar="NAME")
_STUDY = click.argument("study_name", metavar="STUDY", type=StudyName())
_ROLES = ("owner", "monitor")
_EVERYWHERE = click.Choice([*_ROLES, "none"])
_IDENTIFIERS = click.option(
    "--identifiers",
    "sees_identifiers",
    is_flag=True,
    help="The user may see participants' identifiers, as for payments.",
)


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
@click.option(
    "--role",
    default="owner",
    show_default=True,
    type=_EVERYWHERE,
    help="Role in every study: owner, monitor (sees, cannot change), or none (only studies granted).",
)
@_IDENTIFIERS
@asking_password
@rating_option
def add(name: str, rating_url: str, *, role: str, sees_identifiers: bool, password: str) -> None:
    """Add a user; the password needs at least ten characters.

    \b
    Example: rater user add ada
    Example: rater user add bob --role none
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import create_rating
    from rater.store.rating.rights import set_role
    from rater.store.rating.users import add_user

    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        add_user(session, name, password, now=datetime.now(UTC))
        set_role(session, name, _read_role(role), sees_identifiers=sees_identifiers)
    next_command = "rater serve --desk" if role != "none" else f"rater user grant {name} STUDY ROLE"
    click.echo(f"{name} can log in at the desk. Next: {next_command}")


@user.command("role", short_help="Set a user's role in every study.")
@_NAME
@click.argument("role", type=_EVERYWHERE)
@_IDENTIFIERS
@rating_option
def role_(name: str, role: str, rating_url: str, *, sees_identifiers: bool) -> None:
    """Set a user's role in every study, also in studies that are published later.

    An owner sees and changes studies. A monitor sees their progress and changes nothing. With none, the user
    has only the studies of `rater user grant`. The option --identifiers is set anew each time.

    \b
    Example: rater user role bob monitor
    """
    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.rights import set_role

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        set_role(session, name, _read_role(role), sees_identifiers=sees_identifiers)
    click.echo(f"{name}: {_describe(role, sees_identifiers=sees_identifiers)} in every study.")


@user.command("grant", short_help="Set a user's role in one study.")
@_NAME
@_STUDY
@click.argument("role", type=click.Choice(_ROLES))
@_IDENTIFIERS
@rating_option
def grant(name: str, study_name: str, role: str, rating_url: str, *, sees_identifiers: bool) -> None:
    """Set a user's role in one study; the study's log records it.

    Of this role and the role in every study, the higher one applies.

    \b
    Example: rater user grant bob mine monitor
    Example: rater user grant bob mine monitor --identifiers
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.rights import Rights
    from rater.store.rating.rights import grant as grant_role
    from rater.store.rating.schema import StudyRole
    from rater.workspace.databases import user_for_log

    rights = Rights(StudyRole(role), sees_identifiers=sees_identifiers)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        grant_role(session, name, study_name, rights, by=user_for_log(None), now=datetime.now(UTC))
    click.echo(f"{name}: {_describe(role, sees_identifiers=sees_identifiers)} in {study_name}.")


@user.command("revoke", short_help="Remove a user's role in one study.")
@_NAME
@_STUDY
@rating_option
def revoke(name: str, study_name: str, rating_url: str) -> None:
    """Remove the role that a user was granted in one study; the study's log records it.

    \b
    Example: rater user revoke bob mine
    """
    from datetime import UTC, datetime

    from rater.store.engine import disposing, writing
    from rater.store.rating.open import open_rating
    from rater.store.rating.rights import revoke as revoke_role
    from rater.store.rating.users import get_user
    from rater.workspace.databases import user_for_log

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        revoke_role(session, name, study_name, by=user_for_log(None), now=datetime.now(UTC))
        everywhere = get_user(session, name).role
    click.echo(f"{name}: role in {study_name} removed.")
    if everywhere is not None:
        click.echo(f"{name} is still {everywhere} of every study. Change: rater user role {name} none")


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
    """List the users of the desk, with their roles.

    \b
    Example: rater user list
    """
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.rights import list_grants
    from rater.store.rating.users import list_users

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        users, grants = list_users(session), list_grants(session)
    for each in users:
        roles = [f"{_describe(str(each.role), sees_identifiers=each.sees_identifiers)} in every study"]
        if each.role is None:
            roles = []
        roles += [_describe_grant(own.study, own.rights) for own in grants if own.user == each.name]
        click.echo(f"{each.name}   since {each.made_at:%Y-%m-%d}   {'; '.join(roles) or 'no role'}")
    if not users:
        click.echo("No users yet. Run: rater user add NAME", err=True)


def _read_role(written: str) -> "StudyRole | None":
    from rater.store.rating.schema import StudyRole

    return None if written == "none" else StudyRole(written)


def _describe(role: str, *, sees_identifiers: bool) -> str:
    what = "no role" if role == "none" else role
    return f"{what} with identifiers" if sees_identifiers else what


def _describe_grant(study: str, rights: "Rights") -> str:
    return f"{_describe(rights.role.value, sees_identifiers=rights.sees_identifiers)} in {study}"
