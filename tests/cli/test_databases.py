"""Answers that a browser could not send are taken in from a file: once, and from their own rater only."""

import json
import subprocess
from pathlib import Path

from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.cli.command import run
from tests.verify.tamper import tamper

FLIPPED = "UPDATE answer SET value = 5 - value WHERE id = (SELECT min(id) FROM answer)"


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def rater_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(*arguments, "--ratings", "rating.db", "--sealed", "sealed.db", cwd=cwd)


def test_the_commands_verify_back_up_export_and_watch(
    finished_study: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, head = finished_study

    verified = rater_command("verify", study.name, "--head", head, cwd=tmp_path)
    backed_up = rater_command("backup", "kept", cwd=tmp_path)
    exported = rater_command("export", study.name, "ratings.csv", cwd=tmp_path)
    watched = rater_command("status", study.name, "--json", cwd=tmp_path)
    unblinded = rater_command("export", study.name, "arms.jsonl", "--unblind", "--yes", cwd=tmp_path)
    tamper(rating_url, FLIPPED)
    forged = rater_command("verify", study.name, cwd=tmp_path)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.startswith("No tampering was found.\n")
    assert "Not provable by any check:" in verified.stdout
    assert backed_up.stdout.startswith("rating: kept/rating-")
    assert exported.stdout.startswith("11 answers are in ratings.csv")
    assert "recorded in the study's log; its head is " in exported.stderr
    assert "arm" not in (tmp_path / "ratings.csv").read_text().splitlines()[0].split(",")
    assert json.loads(watched.stdout)["n_finished"] == 1
    assert "This is look 1" in unblinded.stderr
    assert json.loads((tmp_path / "arms.jsonl").read_text().splitlines()[0])["arm"] in study.arm_names
    assert forged.returncode == 2
    assert forged.stdout.startswith("TAMPERED: answers.\n")
    assert "tampered     answers: Answers were changed" in forged.stdout
