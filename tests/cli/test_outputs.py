"""Run the command where its streams are closed, full, or speak no UTF-8."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from rater.cli.outputs import prepare_streams

OUTSIDE = Path(__file__).resolve().parents[2] / "experiments" / "templates" / "external_completions.py"


def run(arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602 (a shell closes and redirects; nothing here is from outside)
        f"PYTHONIOENCODING=ascii exec {sys.executable} -m rater {arguments}",
        shell=True,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    shown = run("status > /dev/full", tmp_path)

    assert (shown.returncode, shown.stderr) == (2, "The output cannot be written: No space left on device.\n")


def test_a_question_that_nobody_can_answer_stops_the_command(tmp_path: Path) -> None:
    shown = run("user add ada --ratings rating.db <&-", tmp_path)

    assert shown.returncode == 130
    assert shown.stderr.endswith("Stopped.\n")
    assert "Traceback" not in shown.stderr


def test_what_a_terminal_cannot_show_becomes_a_question_mark(tmp_path: Path) -> None:
    shown = run(f"check {OUTSIDE}", tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert "8 (4 prompts ? 2 arms ? 1 sample)" in shown.stdout


def test_publishing_into_a_closed_pipe_opens_the_study_too(tmp_path: Path) -> None:
    run(f"generate {OUTSIDE}", tmp_path)

    run("publish external_completions | true", tmp_path)

    assert run("status external_completions --json", tmp_path).stdout.count('"state": "open"') == 1


def test_links_that_cannot_be_printed_are_not_made(tmp_path: Path) -> None:
    run(f"generate {OUTSIDE}", tmp_path)
    run("publish external_completions", tmp_path)

    run("invite external_completions --n 3 > /dev/full", tmp_path)

    assert run("invite external_completions --n 1", tmp_path).stdout.startswith("1\t")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "harmful",
    [
        "\x1b[2J",
        "\x1b]0;owned\x07",
        "\x1bc",
        "\x1b[8m",
        "\x1b[3;1H",
        "\x9b2J",
        "\x07",
        "\x08",
        "\x1bPq\x1b\\",
    ],
)
def test_no_text_steers_the_terminal(monkeypatch: pytest.MonkeyPatch, name: str, harmful: str) -> None:
    into = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(into, encoding="utf-8", newline=""))
    prepare_streams()

    getattr(sys, name).write(f"A title{harmful}\n")

    getattr(sys, name).flush()
    written = into.getvalue().decode()
    assert written.startswith("A title\ufffd")
    assert not set("\x1b\x9b\x07\x08") & set(written)


def test_colours_pass_and_progress_moves_the_cursor_on_standard_error_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, into in written.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(into, encoding="utf-8", newline=""))
    prepare_streams()

    for name in written:
        getattr(sys, name).write("\x1b[1;31mred\x1b[0m \x1b[38;5;12mblue\x1b[39m\r\x1b[2K")
        getattr(sys, name).flush()

    out, err = (into.getvalue().decode() for into in written.values())
    assert err == "\x1b[1;31mred\x1b[0m \x1b[38;5;12mblue\x1b[39m\r\x1b[2K"
    assert out == "\x1b[1;31mred\x1b[0m \x1b[38;5;12mblue\x1b[39m\ufffd\ufffd[2K"
