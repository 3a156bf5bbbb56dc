"""The command `rater`: verbs in the order of the flow."""

import errno
import os
import sys
import warnings

import click

from rater.cli.analyze import analyze
from rater.cli.check import check
from rater.cli.compare import compare
from rater.cli.databases import archive, backup, db, import_, recover, verify
from rater.cli.export import export, forget
from rater.cli.generate import generate
from rater.cli.invite import invite
from rater.cli.lifecycle import amend, close_, open_, pause, register
from rater.cli.model import model
from rater.cli.new import new
from rater.cli.options import USER_MISTAKE
from rater.cli.outputs import prepare_streams
from rater.cli.power import power
from rater.cli.publish import audit, publish
from rater.cli.rate import rate
from rater.cli.rehearse import rehearse
from rater.cli.serve import serve
from rater.cli.status import status
from rater.cli.sweep import sweep
from rater.cli.user import user
from rater.errors import RaterError

INTERRUPTED = 130
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class OrderedGroup(click.Group):
    """A group that lists its verbs in the order of the flow, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface)
        """Name the verbs as they were added."""
        return list(self.commands)


@click.group(cls=OrderedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rater", message="rater %(version)s")
def cli() -> None:
    """Ask people, blindly, whether a language model that was changed from the inside reads differently.

    \b
    A study goes through these verbs from top to bottom:
      rater check experiments/love_vs_hate.py
      rater generate experiments/love_vs_hate.py
      rater publish love_vs_hate
      rater serve
      rater analyze love_vs_hate
    """


_BEFORE = (model, new, check, power, sweep, compare, generate, audit, rehearse, publish, register)
_WHILE = (open_, user, invite, serve, rate, recover, status, pause, amend, backup, forget, close_)
_AFTER = (analyze, export, archive, import_, verify, db)
for command in (*_BEFORE, *_WHILE, *_AFTER):
    cli.add_command(command)


def main() -> None:
    """Run the command: a user's mistake is one message and exit code 2, an interruption 130."""
    # the analysis's matrices are small: a second thread that waits for work costs more than it gives
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    warnings.formatwarning = _in_one_line
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
        if error.errno not in _NO_ROOM:
            raise
        _fail_for_want_of_room(error)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _fail_for_want_of_room(error: OSError) -> None:
    if sys.stdout is not None:  # what is still to be written to a full disk would fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _fail(f"{error.filename or 'The output'} cannot be written: {error.strerror}.", USER_MISTAKE)


def _in_one_line(message: Warning | str, *_: object, **__: object) -> str:
    """Put a warning as a person reads it: without the place in our code that it came from."""
    return f"Warning: {message}\n"


def _fail(message: str, status: int) -> None:
    click.echo(message, err=True)
    sys.exit(status)
