"""Analyse external ratings with the command, as their owner does."""

import json
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


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        written = ("--json", f"{name}.json", "--csv", f"{name}.csv")
        assert analyze("--from", STATS / "data_c.csv", *COLUMNS, *written, cwd=tmp_path).returncode == 0

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give either a STUDY, or --from FILE"),
        (("a_study", "--from", "x.csv"), "with external ratings"),
        (("--from", "x.csv", "--interim"), "--interim cannot be combined with --from"),
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


def test_a_report_of_external_ratings_names_their_source(tmp_path: Path) -> None:
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
    assert meanings["arm"]["meaning"] == "arm of the text; 'condition' in data_e.csv"


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


def test_the_diagnosis_comes_first_on_the_screen_in_the_report_and_in_json(tmp_path: Path) -> None:
    shown = analyze("--from", TWICE, "--json", "all.json", "--report", "report", cwd=tmp_path)

    assert shown.stdout.index("38 second answers") < shown.stdout.index("was rated higher")
    report = (tmp_path / "report" / "report.md").read_text()
    assert report.index("38 rows are second, different answers") < report.index("Answers by arm")
    content = json.loads((tmp_path / "all.json").read_text())
    assert list(content).index("diagnosis") < list(content).index("dimensions")
    assert content["diagnosis"]["n_rows"] == 400
