"""Analyse ratings from elsewhere with the command, as their owner does."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli import cli
from rater.errors import RaterError
from tests.cli.command import run

STATS = Path(__file__).resolve().parent.parent / "data" / "stats"
COLUMNS = ("--arm", "condition", "--answer", "rating")


def analyze(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("analyze", *arguments, cwd=cwd)


def test_a_table_is_analysed_without_any_database(tmp_path: Path) -> None:
    shown = analyze("--from", STATS / "data_a.csv", *COLUMNS, "--json", "all.json", cwd=tmp_path)

    said = " ".join(shown.stdout.split())
    assert shown.returncode == 0, shown.stderr
    assert "“steered” was rated higher than “unsteered” on rating" in said
    assert "95% CI 20 to 49, p < .001, 12 raters × 10 prompts" in said
    assert "These are external ratings: no preregistration or verification by this software." in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json"]
    (found,) = json.loads((tmp_path / "all.json").read_text())["dimensions"]
    assert found["primary"]["df"] == pytest.approx(9.62543821, abs=1e-6)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        written = ("--json", f"{name}.json", "--csv", f"{name}.csv")
        assert analyze("--from", STATS / "data_c.csv", *COLUMNS, *written, cwd=tmp_path).returncode == 0

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


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
        ((), "Give a STUDY, or --from FILE"),
        (("a_study", "--from", "x.csv"), "one of the two"),
        (("--from", "x.csv", "--interim"), "--interim and --from do not go together"),
        (("--from", "absent.csv"), "There is no file absent.csv"),
        (("--from", STATS / "data_a.csv"), "There is no column 'arm' for the arm."),
        (
            ("--from", STATS / "data_a.csv", *COLUMNS, "--contrast", "steered"),
            "valid: two different arms, such as --contrast",
        ),
        (
            ("--from", STATS / "data_a.csv", *COLUMNS, "--contrast", "sterred,unsteered"),
            "contrast names the arm 'sterred', which has no answers. Did you mean 'steered'?",
        ),
        (
            ("--from", STATS / "data_a.csv", *COLUMNS, "--points", "3"),
            "but rating is answered with points 1 to 3",
        ),
        (("--from", STATS / "data_a.csv", *COLUMNS, "--sesoi", "0"), "0.0 is not in the range x>0"),
    ],
)
def test_each_mistake_is_named(arguments: tuple[str | Path, ...], said: str) -> None:
    shown = CliRunner().invoke(cli, ["analyze", *map(str, arguments)])

    assert isinstance(shown.exception, RaterError | SystemExit)
    assert shown.exit_code == (1 if isinstance(shown.exception, RaterError) else 2)
    assert said in f"{shown.exception}{shown.output}"


def test_a_mistake_ends_with_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    shown = analyze("--from", "absent.csv", cwd=tmp_path)

    assert shown.returncode == 2
    assert (
        shown.stderr
        == "There is no file absent.csv. Give a table with a row for each answer: CSV, JSON or Parquet.\n"
    )


def test_a_report_of_ratings_from_elsewhere_says_where_they_come_from(tmp_path: Path) -> None:
    written = analyze(
        "--from", STATS / "data_e.csv", *COLUMNS, "--scope", "raters", "--report", "report", cwd=tmp_path
    )

    assert written.returncode == 0, written.stderr
    assert written.stderr.splitlines() == [
        "Analysing …",
        "Writing the report with its figures (about 10 s) …",
        "The report is in report/report.html",
    ]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "These are external ratings: no preregistration or verification by this software." in page
    meanings = json.loads((tmp_path / "report" / "answers.dictionary.json").read_text())
    assert meanings["arm"]["meaning"] == "what was done to the model; 'condition' in data_e.csv"


def test_exploring_is_said_on_the_screen_and_in_the_results(tmp_path: Path) -> None:
    shown = analyze(
        "--from",
        STATS / "data_e.csv",
        *COLUMNS,
        *("--scope", "raters", "--exploratory", "--json", "all.json"),
        cwd=tmp_path,
    )

    label = "Exploratory: not the planned analysis"
    assert shown.stdout.splitlines()[0].strip() == label
    assert json.loads((tmp_path / "all.json").read_text())["about"]["label"] == label


def test_a_report_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    shown = analyze("a_study", "--report", tmp_path, cwd=tmp_path)

    assert shown.returncode == 2
    assert "contains notes.txt, which is not part of a report" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scope", "raters"), "--scope would change the analysis that the study planned."),
        (("--drop-empty",), "--drop-empty is for external ratings: use it with --from."),
        (("--permuted", "--interim"), "--permuted and --interim do not go together"),
    ],
)
def test_options_that_do_not_fit_a_study_are_refused(arguments: tuple[str, ...], said: str) -> None:
    shown = CliRunner().invoke(cli, ["analyze", "a_study", *arguments])

    assert shown.exit_code == 2
    assert said in shown.output


def test_figures_are_not_even_loaded_where_none_are_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys; from rater.cli import cli; "
        f"cli(['analyze', '--from', {str(STATS / 'data_e.csv')!r}, *{COLUMNS}], standalone_mode=False); "
        "print([m for m in ('matplotlib', 'jinja2') if m in sys.modules])"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert shown.stdout.splitlines()[-1] == "[]"


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

    said = " ".join((shown.stdout + shown.stderr).split())
    assert shown.returncode == 2
    assert "7 of 320 answers are −99" in said
    assert "Traceback" not in said


def test_a_check_finds_what_it_can_where_the_contrast_has_to_be_asked_for(tmp_path: Path) -> None:
    table = TWICE.read_text().replace("base", "x").replace("steered", "y")
    (tmp_path / "table.csv").write_text(table)

    shown = analyze("--from", "table.csv", "--check", cwd=tmp_path)

    assert shown.returncode == 2
    assert "There are 2 arms (x, y); name the two to compare" in " ".join(shown.stdout.split())
    assert "42 copies of other rows" in shown.stdout


def test_the_diagnosis_comes_first_on_the_screen_in_the_report_and_in_json(tmp_path: Path) -> None:
    shown = analyze("--from", TWICE, "--json", "all.json", "--report", "report", cwd=tmp_path)

    assert shown.stdout.index("38 second answers") < shown.stdout.index("was rated higher")
    report = (tmp_path / "report" / "report.md").read_text()
    assert report.index("38 rows are second, different answers") < report.index("Answers by arm")
    content = json.loads((tmp_path / "all.json").read_text())
    assert list(content).index("diagnosis") < list(content).index("dimensions")
    assert content["diagnosis"]["n_rows"] == 400


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


def test_the_contrast_that_a_message_suggests_is_accepted(tmp_path: Path) -> None:
    suggested = analyze("--from", ARMS, cwd=tmp_path).stderr.rpartition("--contrast ")[2]

    shown = analyze("--from", ARMS, "--contrast", *shlex.split(suggested), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr


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


def test_the_options_that_a_refusal_names_lead_to_the_right_value(tmp_path: Path) -> None:
    """By hand: 0.41 and 0.71 points without the seven answers of −99, p = .003."""
    refused = analyze("--from", CODES, cwd=tmp_path)

    shown = analyze("--from", CODES, "--missing", "-99", "--drop-empty", cwd=tmp_path)

    assert "--missing -99 --drop-empty" in refused.stderr
    said = " ".join(shown.stdout.split())
    assert "320 rows, 313 analysed; left out: 7 without an answer." in said
    assert "41 percentage points" in said
    assert "p = .003" in said
    assert "0.71 scale points" in said
