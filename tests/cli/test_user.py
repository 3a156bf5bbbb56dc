import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli import command


def run(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return command.run(*arguments, "--ratings", "rating.db", cwd=cwd, stdin=stdin)


def test_users_are_added_listed_and_removed_before_there_is_any_study(tmp_path: Path) -> None:
    added = run("user", "add", "ada", "--password-stdin", cwd=tmp_path, stdin="correct horse battery\n")
    again = run("user", "add", "ada", "--password-stdin", cwd=tmp_path, stdin="correct horse battery\n")
    short = run("user", "password", "ada", "--password-stdin", cwd=tmp_path, stdin="short\n")
    listed = run("user", "list", cwd=tmp_path)
    removed = run("user", "remove", "ada", cwd=tmp_path)
    nobody = run("user", "list", cwd=tmp_path)

    assert added.stdout == "ada can log in at the desk. Next: rater serve --desk\n"
    assert (again.returncode, short.returncode) == (2, 2)
    assert "There is a user 'ada' already." in again.stderr
    assert "The password has 5 characters" in short.stderr
    assert listed.stdout.startswith("ada   since 20")
    assert listed.stdout.endswith("owner in every study\n")
    assert "can no longer log in" in removed.stdout
    assert (nobody.stdout, nobody.stderr) == ("", "No users yet. Run: rater user add NAME\n")


def test_a_desk_is_served_before_there_is_any_study(tmp_path: Path) -> None:
    run("user", "add", "ada", "--password-stdin", cwd=tmp_path, stdin="correct horse battery\n")
    serve = [sys.executable, "-m", "rater", "serve", "--ratings", "rating.db", "--port", "0", "--desk"]

    alone = run("serve", "--port", "0", cwd=tmp_path)
    with subprocess.Popen(serve, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        server.terminate()

    assert (alone.returncode, "No study is published yet." in alone.stderr) == (2, True)
    assert first.endswith("/desk   for you\n")


def test_roles_are_set_in_every_study_and_in_one(
    publish_study: Callable[..., str], rating_url: str, tmp_path: Path
) -> None:
    publish_study()

    def user(*arguments: str) -> subprocess.CompletedProcess[str]:
        stdin = "correct horse battery\n"
        return command.run("user", *arguments, "--ratings", rating_url, cwd=tmp_path, stdin=stdin)

    added = user("add", "bob", "--role", "none", "--password-stdin")
    granted = user("grant", "bob", "a_study", "monitor", "--identifiers")
    user("role", "bob", "monitor")
    listed = user("list")
    revoked = user("revoke", "bob", "a_study")
    wrong = user("grant", "bob", "a_study", "boss")
    unknown = user("grant", "bob", "another", "owner")

    assert added.stdout == "bob can log in at the desk. Next: rater user grant bob STUDY ROLE\n"
    assert granted.stdout == "bob: monitor with identifiers in a_study.\n"
    assert listed.stdout.endswith("monitor in every study; monitor with identifiers in a_study\n")
    assert "bob is still monitor of every study." in revoked.stdout
    assert (wrong.returncode, "owner" in wrong.stderr) == (2, True)
    assert (unknown.returncode, "not published" in unknown.stderr) == (2, True)
