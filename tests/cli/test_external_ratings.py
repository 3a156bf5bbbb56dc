import json
import shlex
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


def test_a_table_is_analysed_without_any_database(tmp_path: Path) -> None:
    shown = analyze("--from", STATS / "data_a.csv", *COLUMNS, "--json", "all.json", cwd=tmp_path)

    output = " ".join(shown.stdout.split())
    assert shown.returncode == 0, shown.stderr
    assert "“steered” was rated higher than “unsteered” on rating" in output
    assert "95% CI 20 to 49, p < .001, 12 raters × 10 prompts" in output
    assert "These are external ratings: no preregistration or verification by this software." in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json"]
    (found,) = json.loads((tmp_path / "all.json").read_text())["dimensions"]
    assert found["primary"]["df"] == pytest.approx(9.62543821, abs=1e-6)


CASES = STATS.parent / "cases"


TWICE = CASES / "07-answered-twice" / "two-raters-submitted-again.csv"


CODES = CASES / "10-codes-for-missing" / "minus-99.csv"


def test_a_table_is_diagnosed_alone_without_any_result(tmp_path: Path) -> None:
    shown = analyze("--from", TWICE, "--check", "--json", "found.json", cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert "400 rows, 320 analysed; left out: 42 copies of other rows, 38 second answers" in shown.stdout
    assert "CI" not in shown.stdout
    content = json.loads((tmp_path / "found.json").read_text())
    assert [each["code"] for each in content["findings"]] == ["copies", "second", "assumed"]


@pytest.mark.parametrize("check", [("--check",), ()])
def test_a_table_that_is_refused_ends_with_exit_code_2(tmp_path: Path, check: tuple[str, ...]) -> None:
    shown = analyze("--from", CODES, *check, cwd=tmp_path)

    output = " ".join((shown.stdout + shown.stderr).split())
    assert shown.returncode == 2
    assert "7 of 320 answers are −99" in output
    assert "Traceback" not in output


def test_a_check_finds_what_it_can_where_the_contrast_has_to_be_asked_for(tmp_path: Path) -> None:
    table = TWICE.read_text().replace("base", "x").replace("steered", "y")
    (tmp_path / "table.csv").write_text(table)

    shown = analyze("--from", "table.csv", "--check", cwd=tmp_path)

    assert shown.returncode == 2
    assert "There are 2 arms (x, y); name the two to compare" in " ".join(shown.stdout.split())
    assert "42 copies of other rows" in shown.stdout


TABLES = STATS.parent / "tables"


ARMS = TABLES / "arm-with-comma" / "three-arms.csv"


def test_the_contrast_that_a_message_suggests_is_accepted(tmp_path: Path) -> None:
    suggested = analyze("--from", ARMS, cwd=tmp_path).stderr.rpartition("--contrast ")[2]

    shown = analyze("--from", ARMS, "--contrast", *shlex.split(suggested), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr


def test_the_options_that_a_refusal_names_lead_to_the_right_value(tmp_path: Path) -> None:
    """By hand: 0.41 and 0.71 points without the seven answers of −99, p = .003."""
    refused = analyze("--from", CODES, cwd=tmp_path)

    shown = analyze("--from", CODES, "--missing", "-99", "--drop-empty", cwd=tmp_path)

    assert "--missing -99 --drop-empty" in refused.stderr
    output = " ".join(shown.stdout.split())
    assert "320 rows, 313 analysed; left out: 7 without an answer." in output
    assert "41 percentage points" in output
    assert "p = .003" in output
    assert "0.71 scale points" in output


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
    ("arguments", "phrase"),
    [
        (("--scope", "raters"), "--scope would change the planned analysis."),
        (("--drop-empty",), "--drop-empty is for external ratings: use it with --from."),
        (("--permuted", "--interim"), "--permuted cannot be combined with --interim"),
    ],
)
def test_options_that_do_not_fit_a_study_are_refused(arguments: tuple[str, ...], phrase: str) -> None:
    shown = CliRunner().invoke(cli, ["analyze", "a_study", *arguments])

    assert shown.exit_code == 2
    assert phrase in shown.output


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


def test_a_composite_score_of_a_table_can_be_the_primary_one(tmp_path: Path) -> None:
    rows = ["rater,prompt,arm,dimension,answer"]
    rows += [
        f"r{rater},p{prompt},{arm},{dimension},{(rater * prompt + (arm == 'steered')) % 3}"
        for rater in range(4)
        for prompt in range(4)
        for arm in ("steered", "base")
        for dimension in ("concept", "fluency")
    ]
    (tmp_path / "ratings.csv").write_text("\n".join(rows))
    options = ["--dimension", "dimension", "--primary", "overall", "--no-worse", "fluency=0.5"]
    options += ["--composite", "overall=harmonic_mean:concept,fluency"]

    shown = analyze("--from", "ratings.csv", *options, "--json", "all.json", cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    content = json.loads((tmp_path / "all.json").read_text())
    assert [each["dimension"]["name"] for each in content["dimensions"]] == ["overall", "concept", "fluency"]
    assert "The joint criterion is" in " ".join(shown.stdout.split())
    assert content["joint"]["coprimary"]["dimension"] == "fluency"


@pytest.mark.parametrize(
    ("option", "value", "valid"),
    [
        ("--composite", "overall=median:a,b", "NAME=RULE:DIMENSIONS"),
        ("--composite", "a,b", "NAME=RULE:DIMENSIONS"),
        ("--no-worse", "fluency", "fluency=0.3"),
        ("--no-worse", "fluency=-1", "fluency=0.3"),
    ],
)
def test_a_composite_or_margin_in_another_form_is_refused(option: str, value: str, valid: str) -> None:
    result = CliRunner().invoke(cli, ["analyze", "--from", "ratings.csv", option, value])

    assert result.exit_code == 2
    assert valid in result.output
