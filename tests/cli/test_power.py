"""Plan a study's size with the command, as an experimenter does."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rater.cli import cli
from rater.errors import RaterError

STATS = Path(__file__).resolve().parent.parent / "data" / "stats"
STUDY = """
from rater import Dimension, Likert, Pairwise, Plan, Steered, Study, Unsteered, XVector

study = Study(
    name="tiny", title="Texts", consent="You will rate texts.", instructions="Rate.",
    dimensions=(Dimension(name="rating", question="How happy?", scale=SCALE),),
    prompts=("I", "We", "They", "You"),
    arms=(Unsteered(), Steered(additions=(XVector("a", "b", coeff=1, at=1),))),
    plan=Plan(raters=4),
)
"""
LIKERT = 'Likert(points=5, low="not", high="very")'


def run(folder: Path, *arguments: str | Path, scale: str = LIKERT) -> Result:
    """Plan a tiny study, fifty simulations a size."""
    (folder / "tiny.py").write_text(STUDY.replace("SCALE", scale))
    return CliRunner().invoke(
        cli, ["power", str(folder / "tiny.py"), "--sims", "50", *map(str, arguments)], env={"COLUMNS": "200"}
    )


def test_the_plan_is_printed_with_what_it_assumes_the_same_each_time(tmp_path: Path) -> None:
    one, other = run(tmp_path), run(tmp_path)

    assert one.exit_code == 0, one.output
    assert (
        "Planned design: the power to detect a difference of 0.5 scale points (net superiority 0.21) is"
        in one.stdout
    )
    assert "80% power with the fewest rater-hours" in one.stdout
    assert "raters 1.0, prompts 0.8, texts 0.5" in one.stdout
    assert one.stdout == other.stdout


def test_choices_between_two_texts_are_planned_in_percentage_points(tmp_path: Path) -> None:
    shown = run(tmp_path, "--points", "0.3", scale='Pairwise(tie="Neither")')

    assert "Planned design: the power to detect a difference of 30 percentage points is" in shown.stdout


def test_a_pilots_variances_and_drop_out_are_said(tmp_path: Path) -> None:
    text = (STATS / "data_a.csv").read_text().replace(",rating", ",answer")
    (tmp_path / "pilot.csv").write_text(text.replace(",condition", ",what"))

    shown = run(tmp_path, "--pilot", tmp_path / "pilot.csv", "--drop-out", "0.2")

    assert shown.exit_code == 0, f"{shown.output}{shown.exception}"
    assert "raters 0.7, prompts 0.4, texts 0.8" in shown.stdout  # what R's clmm finds
    assert "Drop-out: 20% of raters leave before the end of their booklet." in shown.stdout
    assert "From the pilot's 720 answers of 12 raters: the arms of the pilot were not known" in shown.stdout


def test_how_a_pilots_table_was_read_is_printed(tmp_path: Path) -> None:
    lines = (STATS / "data_a.csv").read_text().replace(",rating", ",answer").splitlines()
    lines[1] = lines[1].replace("r01,", "R01,")
    lines[2] = lines[2].rsplit(",", 1)[0] + ","
    (tmp_path / "pilot.csv").write_text("\n".join(lines).replace(",condition", ",what"))

    shown = run(tmp_path, "--pilot", tmp_path / "pilot.csv")

    assert shown.exit_code == 0, f"{shown.output}{shown.exception}"
    assert "1 of 720 rows have no answer and were left out" in shown.stderr
    assert "'R01' and 'r01' of rater differ only in letter case" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--points", "9"), "A difference of 9 is too large for this scale; valid: less than"),
        (("--points", "0"), "0.0 is not in the range x>0"),
        (("--drop-out", "1"), "1.0 is not in the range 0<=x<1"),
        (("--pilot", "absent.csv"), "There is no file absent.csv"),
        (("--pilot", "a_study", "--ratings", "absent.db"), "There is no rating database absent.db yet"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, arguments: tuple[str | Path, ...], said: str) -> None:
    shown = run(tmp_path, *arguments)

    assert isinstance(shown.exception, RaterError | SystemExit)
    assert said in f"{shown.exception}{shown.output}"


def test_a_study_of_several_concepts_is_planned_over_three_factors(tmp_path: Path) -> None:
    result = run(tmp_path, "--concepts", "4", "--concept-prompts", "2", "--points", "1")

    assert result.exit_code == 0, result.output
    assert "2 prompts for each concept:" in result.stdout
    assert "With 4 raters × 4 concepts × 2 prompts each the power is" in result.stdout
    assert "8 concepts" in result.stdout
    assert "Every rater rates 16 texts in the planned size" in result.stdout


def test_the_prompts_of_concepts_need_a_number_of_concepts(tmp_path: Path) -> None:
    result = run(tmp_path, "--crossed")

    assert result.exit_code == 2
    assert "--concepts" in result.output
