import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli import cli
from tests.cli.command import run

STATS = Path(__file__).resolve().parent.parent / "data" / "stats"


COLUMNS = ("--arm", "condition", "--answer", "rating")


def analyze(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("analyze", *arguments, cwd=cwd)


def test_options_make_the_plan(tmp_path: Path) -> None:
    plan = (
        "--contrast",
        "unsteered, steered",
        "--scope",
        "raters",
        "--score",
        "scale_points",
        "--sesoi",
        "2",
    )

    shown = analyze(
        "--from", STATS / "data_a.csv", *COLUMNS, *plan, "--points", "7", "--json", "a.json", cwd=tmp_path
    )

    content = json.loads((tmp_path / "a.json").read_text())
    assert "“unsteered” was rated lower than “steered”" in shown.stdout.replace("\n", " ").replace("  ", " ")
    assert content["planned"]["scope"] == "raters"
    assert content["planned"]["dimensions"][0]["scale"]["points"] == 7
    assert content["dimensions"][0]["primary"]["test"] == "by-rater t"
    assert content["dimensions"][0]["equivalence"]["is_equivalent"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scope", "raters"), "--scope would change the planned analysis."),
        (("--drop-empty",), "--drop-empty is for external ratings: use it with --from."),
        (("--permuted", "--interim"), "--permuted cannot be combined with --interim"),
    ],
)
def test_options_that_do_not_fit_a_study_are_refused(arguments: tuple[str, ...], said: str) -> None:
    shown = CliRunner().invoke(cli, ["analyze", "a_study", *arguments])

    assert shown.exit_code == 2
    assert said in shown.output


CASES = STATS.parent / "cases"


CODES = CASES / "10-codes-for-missing" / "minus-99.csv"


def test_choices_are_read_in_the_coding_that_is_named(tmp_path: Path) -> None:
    rows = [f"r{i % 6},p{i // 6},steered,base,{int(i % 5 > 0)}" for i in range(36)]
    (tmp_path / "won.csv").write_text("\n".join(["rater,prompt,arm,other_arm,answer", *rows]) + "\n")

    refused = analyze("--from", "won.csv", cwd=tmp_path)
    shown = analyze("--from", "won.csv", "--choices", "1/0", cwd=tmp_path)

    assert refused.returncode == 2
    assert "--choices 1/0" in refused.stderr
    assert shown.returncode == 0, shown.stderr
    assert "56 percentage points" in " ".join(shown.stdout.split())


def test_limits_that_are_none_are_refused(tmp_path: Path) -> None:
    shown = analyze("--from", CODES, "--limits", "0;5", cwd=tmp_path)

    assert shown.returncode == 2
    assert "is not two numbers, such as 0,100" in shown.stderr


TABLES = STATS.parent / "tables"


ARMS = TABLES / "arm-with-comma" / "three-arms.csv"


@pytest.mark.parametrize(
    "contrast",
    [
        ("--contrast", "GPT-4, t=1,GPT-4, t=0"),
        ("--contrast", '"GPT-4, t=1","GPT-4, t=0"'),
        ("--contrast", "GPT-4, t=1", "--contrast", "GPT-4, t=0"),
    ],
)
def test_arms_with_commas_can_be_compared(tmp_path: Path, contrast: tuple[str, ...]) -> None:
    shown = analyze("--from", ARMS, *contrast, cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert "“GPT-4, t=1” was rated higher than “GPT-4, t=0”" in " ".join(shown.stdout.split())


def test_the_options_of_tables_reach_the_reader(tmp_path: Path) -> None:
    codes = TABLES / "codes-for-missing" / "minus-99.csv"
    options = ("--missing", "-99", "--drop-empty", "--contrast", "steered,base")
    shown = analyze("--from", codes, *options, cwd=tmp_path)
    assert "0.71 scale points" in " ".join(shown.stdout.split())
    assert "7 of 320 rows have no answer and were left out" in " ".join(shown.stdout.split())

    quotes = TABLES / "stray-quotes" / "stray.tsv"
    shown = analyze("--from", quotes, "--no-quotes", "--contrast", "steered,base", cwd=tmp_path)
    assert "96 answers" in shown.stdout
    assert "p = .033" in shown.stdout

    path = tmp_path / "wide.csv"
    answers = [f"r{r};p{p};{('gut', 'mäßig')[(r + p) % 2]};schlecht\n" for r in range(4) for p in range(4)]
    path.write_bytes("".join(["wer;prompt;a;base\n", *answers]).encode("cp1252"))
    wide = ("--encoding", "cp1252", "--rater", "wer", "--wide", "{arm}", "--labels", "schlecht,mäßig,gut")
    shown = analyze("--from", path, *wide, "--contrast", "a,base", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "4 raters · 4 prompts · 8 texts · 32 answers" in shown.stdout
