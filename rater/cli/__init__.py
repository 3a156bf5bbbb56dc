"""The command `rater`: its subcommands in the order of a study's life."""

import errno
import os
import sys
import warnings

import click

from rater.cli.analyze import analyze
from rater.cli.check import check, new
from rater.cli.compare import compare
from rater.cli.corpus import corpus
from rater.cli.databases import archive, backup, db, import_, recover, verify
from rater.cli.explain import explain
from rater.cli.export import export, forget
from rater.cli.gather import gather
from rater.cli.generate import generate
from rater.cli.invite import invite
from rater.cli.lifecycle import amend, close_, open_, pause, register, status
from rater.cli.measure import measure
from rater.cli.model import model
from rater.cli.options import USER_MISTAKE
from rater.cli.outputs import prepare_streams
from rater.cli.participants import free, import_participants, participants
from rater.cli.power import power
from rater.cli.prolific import prolific
from rater.cli.publish import audit, publish
from rater.cli.rate import rate
from rater.cli.rehearse import rehearse
from rater.cli.serve import serve
from rater.cli.sweep import sweep
from rater.cli.try_vector import try_
from rater.cli.user import user
from rater.errors import RaterError

INTERRUPTED = 130
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class OrderedGroup(click.Group):
    """A group that lists its subcommands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface)
        """Return the names of the subcommands."""
        return list(self.commands)


_EPILOG = (
    "rater explain TERM defines a term of a report or an error. The guides are in docs/ of the repository."
)


@click.group(cls=OrderedGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(package_name="rater", message="rater %(version)s")
def cli() -> None:
    """Run blinded, randomised human evaluations of interventions on language models.

    \b
    The main commands, in order:
      rater check experiments/love_vs_hate.py
      rater generate experiments/love_vs_hate.py
      rater publish love_vs_hate
      rater serve
      rater analyze love_vs_hate
    """


_BEFORE = (
    model,
    new,
    check,
    power,
    try_,
    sweep,
    corpus,
    compare,
    generate,
    gather,
    measure,
    audit,
    rehearse,
    publish,
    register,
)
_WHILE = (
    open_,
    user,
    invite,
    prolific,
    serve,
    rate,
    recover,
    status,
    participants,
    import_participants,
    free,
    pause,
    amend,
    backup,
    forget,
    close_,
)
_AFTER = (analyze, export, archive, import_, verify, db, explain)
for command in (*_BEFORE, *_WHILE, *_AFTER):
    cli.add_command(command)


def main() -> None:
    """Run the command; exit with 2 and one message after a user's mistake, with 130 after an interruption."""
    # The analysis's matrices are small, so further threads cost more than they gain.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    warnings.formatwarning = _format_warning
    prepare_streams()
    try:
        status = cli(standalone_mode=False)
    except RaterError as error:
        _fail(str(error), USER_MISTAKE)
    except click.Abort:
        _fail("Stopped.", INTERRUPTED)
    except KeyboardInterrupt:
        _fail("Stopped.", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(USER_MISTAKE)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _fail_disk_full(error)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _fail_disk_full(error: OSError) -> None:
    if sys.stdout is not None:  # flushing at exit would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _fail(f"{error.filename or 'The output'} cannot be written: {error.strerror}.", USER_MISTAKE)


def _format_warning(message: Warning | str, *_: object, **__: object) -> str:
    """Format a warning in one line, without its file and line number."""
    return f"Warning: {message}\n"


def _fail(message: str, status: int) -> None:
    click.echo(message, err=True)
    sys.exit(status)
