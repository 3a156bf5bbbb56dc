"""The command's output and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rater.publish.publish import find_published
from rater.study.study import Study
from tests.cli.command import run

ROOT = Path(__file__).resolve().parent.parent.parent


DEMO = ROOT / "experiments" / "love_vs_hate.py"


RATING = ("--ratings", "rating.db")


SEALED = ("--sealed", "sealed.db")


def test_help_lists_the_verbs_in_the_order_of_the_flow(tmp_path: Path) -> None:
    shown = run("--help", cwd=tmp_path)

    verbs = [
        line.split()[0]
        for line in shown.stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        if line.strip()
    ]
    assert verbs == [
        "model", "new", "check", "power", "try", "sweep", "corpus", "compare", "generate",
        "gather", "measure", "audit", "rehearse",
        "publish", "register", "open", "user", "invite", "prolific", "serve", "rate", "recover", "status",
        "participants", "import-participants", "free",
        "pause", "amend", "backup", "forget", "close", "analyze", "export", "archive", "import", "verify",
        "db", "explain",
    ]  # fmt: skip


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, rater.cli\n"
        "heavy = {'flask', 'sqlalchemy', 'torch', 'numpy', 'pandas', 'pydantic', 'rich', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "verb", ["check", "generate", "publish", "open", "user", "serve", "rate", "forget", "close", "analyze"]
)
def test_every_verb_has_help_with_an_example(tmp_path: Path, verb: str) -> None:
    shown = run(verb, "--help", cwd=tmp_path)

    assert f"Example: rater {verb}" in shown.stdout


def test_check_prints_what_the_study_would_do_and_its_hash(tmp_path: Path) -> None:
    shown = run("check", DEMO, cwd=tmp_path)

    assert shown.returncode == 0
    for label in ["arms", "completions", "tokens", "trials", "booklets", "duration", "hash"]:
        assert label in shown.stdout
    assert shown.stdout.rstrip().endswith(f"Next: rater generate {DEMO}")


def test_a_users_mistake_is_a_message_without_traceback_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rater", "check", "experiments/absent.py"]

    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("There is no study file experiments/absent.py.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "nothing", *SEALED), "There is no sealed database sealed.db yet."),
        (("serve", *RATING), "There is no rating database rating.db yet."),
        (("rate", "nothing", *RATING), "There is no rating database rating.db yet."),
        (("analyze", "nothing", "--yes", *RATING, *SEALED), "There is no rating database rating.db yet."),
        (("publish", "a_study.py"), "this command takes the name of a study"),
        (("serve", "--port", "70000"), "70000 is not in the range"),
        (("serve", "--ratings", "postgres://x"), "is not a valid database URL"),
        (("rehearse", "nothing", "--raters", "0"), "0 is not in the range"),
        (("export", "a_study", "no/u.csv"), "FILE is no/u.csv, which cannot be written: the folder "),
        (("perish", "a_study"), "No such command 'perish'"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    shown = run(*arguments, cwd=tmp_path)

    assert shown.returncode == 2, shown.stderr
    assert said in shown.stderr


def test_an_unpublished_study_cannot_be_served_rated_or_analysed(opened: Study, tmp_path: Path) -> None:
    for arguments in [("serve", "other"), ("rate", "other"), ("analyze", "other", "--yes", *SEALED)]:
        shown = run(*arguments, *RATING, cwd=tmp_path)
        assert shown.returncode == 2
        assert (
            "Study 'other' is not published yet. Published: marked_study. Run: rater publish other"
            in shown.stderr
        )


def test_publishing_opens_the_study_prints_what_to_keep_and_does_nothing_twice(
    generated: Study, tmp_path: Path, rating_url: str
) -> None:
    first = run("publish", generated.name, *RATING, *SEALED, cwd=tmp_path)
    second = run("publish", generated.name, *RATING, *SEALED, cwd=tmp_path)

    published = find_published(rating_url, generated.name)
    assert published is not None
    assert published.state == "open"
    assert published.commitment in first.stdout
    assert published.study_hash in first.stdout
    assert second.returncode == 0
    assert "is published already (open)" in second.stdout.replace("\n", " ")


def test_analyzing_asks_first_and_a_no_changes_nothing(
    opened: Study, tmp_path: Path, rating_url: str
) -> None:
    shown = run("analyze", opened.name, *RATING, *SEALED, cwd=tmp_path, stdin="n\n")

    published = find_published(rating_url, opened.name)
    assert shown.returncode == 130
    assert "Of 2 planned raters 0 have finished" in shown.stderr
    assert published is not None
    assert published.state == "open"


def test_a_study_without_answers_is_not_unblinded(opened: Study, tmp_path: Path, rating_url: str) -> None:
    shown = run("analyze", opened.name, "--yes", *RATING, *SEALED, cwd=tmp_path)

    published = find_published(rating_url, opened.name)
    assert shown.returncode == 2
    assert "has no answers" in shown.stderr
    assert published is not None
    assert published.state == "open"


def test_analyzing_too_little_says_what_is_missing_and_prints_no_p_value(
    opened: Study, tmp_path: Path
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    run("rate", opened.name, *RATING, cwd=tmp_path, stdin="y\n\n3\n", environ=state)
    outputs = ("--json", "all.json", "--csv", "all.csv")

    shown = run("analyze", opened.name, "--yes", *outputs, *RATING, *SEALED, cwd=tmp_path)

    assert shown.returncode == 0
    assert "Not estimable on happiness, because" in " ".join(shown.stdout.split())
    assert "p =" not in shown.stdout
    assert json.loads((tmp_path / "all.json").read_text())
    assert (tmp_path / "all.csv").read_text().startswith("rater,position,item,prompt,arm,dimension,answer")


def test_databases_are_upgraded_by_one_command(generated: Study, tmp_path: Path) -> None:
    shown = run("db", "upgrade", *RATING, *SEALED, cwd=tmp_path)

    assert shown.returncode == 0
    assert "rating: rating.db does not exist yet" in shown.stdout
    assert "sealed: revision 0001 (was current)" in shown.stdout
