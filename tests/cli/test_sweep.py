from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.sweep import Coeffs, Layers, SweepJob, steered_arm, sweep
from rater.steering.sweep_results import SweepFile, SweepOutcome
from rater.study.load import load_study

STUDY = """
from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="tiny", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["I hate you because", "The rain went"],
    arms=[Unsteered(), Steered(name="love", additions=[XVector("Love", "Hate", coeff=5, at=6)])],
    sampling=Sampling(max_new_tokens=4, temperature=0),
    plan=Plan(raters=4),
)
"""


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.py"
    path.write_text(STUDY)
    return path


@pytest.mark.parametrize(
    ("text", "layers"),
    [("6", (6,)), ("2:8:2", (2, 4, 6)), ("0:2,25,1", (0, 1, 25))],
)
def test_layers_are_numbers_and_ranges(text: str, layers: tuple[int, ...]) -> None:
    assert Layers().convert(text, None, None) == layers


def test_coefficients_are_numbers_with_commas() -> None:
    assert Coeffs().convert("-10,2.5", None, None) == (-10.0, 2.5)


@pytest.mark.model
def test_a_sweep_continues_where_it_stopped(study_file: Path) -> None:
    command = [
        str(study_file),
        "--layers",
        "2,6",
        "--words",
        "love, you",
        "--samples",
        "1",
        "--device",
        "cpu",
    ]

    first = CliRunner().invoke(sweep, [*command, "--coeffs", "1"])
    second = CliRunner().invoke(sweep, [*command, "--coeffs", "1,-2", "--prompts", "2"])
    third = CliRunner().invoke(sweep, [*command, "--coeffs", "1,-2"])

    assert (first.exit_code, second.exit_code, third.exit_code) == (0, 0, 0)
    assert ": 2 settings of" in first.stderr
    assert ": 2 settings of" in second.stderr
    assert third.stderr == ""
    assert "Effect by layer and coeff, front of the prompt" in third.stdout
    assert len((study_file.parent / "tiny-love-sweep.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers", "x", "--coeffs", "1"], "'x' is not a list of layers; valid: numbers and ranges"),
        (["--layers", "-1", "--coeffs", "1"], "'-1' is not a list of layers"),
        (["--layers", "1", "--coeffs", "a"], "'a' is not a list of numbers; valid: -10,-5,5,10"),
        (["--layers", "1", "--coeffs", "5,inf"], "'5,inf' is not a list of numbers; valid: -10,-5,5,10"),
    ],
)
def test_options_that_say_nothing_are_refused(options: list[str], message: str, study_file: Path) -> None:
    result = CliRunner().invoke(sweep, [str(study_file), *options])

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.model
def test_a_layer_that_the_model_lacks_is_refused_before_it_is_loaded(study_file: Path) -> None:
    result = CliRunner().invoke(sweep, [str(study_file), "--layers", "4,99", "--coeffs", "1"])

    assert str(result.exception) == "--layers has 99, but smollm2-135m-instruct has layers 0–29."
    assert result.output == ""


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/proc")

    result = CliRunner().invoke(sweep, [str(study_file), "--layers", "4", "--coeffs", "1"])

    assert "is tiny-love-sweep.csv, which cannot be written: /proc is not writable" in str(result.exception)
    assert result.output == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--picture", "map.pdf"], "--picture is map.pdf; valid: a file ending in .png or .svg."),
        (["--out", "no/out.csv"], "--out is no/out.csv, which cannot be written: the folder"),
        (["--picture", "no/map.png"], "--picture is no/map.png, which cannot be written: the folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(
    options: list[str], message: str, study_file: Path
) -> None:
    result = CliRunner().invoke(sweep, [str(study_file), "--layers", "1", "--coeffs", "1", *options])

    assert str(result.exception).startswith(message)
    assert result.output == ""


def test_a_misspelt_arm_is_named_with_the_nearest(study_file: Path) -> None:
    result = CliRunner().invoke(sweep, [str(study_file), "--layers", "1", "--coeffs", "1", "--arm", "lovee"])

    assert (
        str(result.exception) == "--arm is 'lovee', which is not a steered arm of tiny. Did you mean 'love'?"
    )


def test_a_file_of_other_measurements_is_refused_by_the_field_before_a_model_is_loaded(
    study_file: Path,
) -> None:
    command = [str(study_file), "--layers", "1", "--coeffs", "1"]
    job = SweepJob(load_study(study_file), steered_arm(load_study(study_file), None), ("It",), 2, None)
    SweepFile(Path("tiny-love-sweep.csv"), job.measured(None)).append(SweepOutcome(None, 0, 0, 1, 0, 9, None))

    result = CliRunner().invoke(sweep, command)

    assert "tiny-love-sweep.csv was measured with prompts '1 (" in str(result.exception)
    assert result.output == ""


def test_a_change_of_the_consent_does_not_make_a_sweep_useless(study_file: Path) -> None:
    before = load_study(study_file)
    after = before.model_copy(update={"consent": "Another", "title": "Another"})
    measured = [
        SweepJob(study, steered_arm(study, None), study.prompts, 2, None).measured(None)
        for study in (before, after)
    ]

    assert before.hash != after.hash
    assert measured[0] == measured[1]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("formality", "valid: a file or module and a function"),
        ("nowhere.py:formality", "cannot be imported"),
        ("no_such_module:formality", "cannot be imported: ModuleNotFoundError"),
        ("scores.py:absent", "has no function 'absent'"),
        ("scores.py:number", "has no function 'number'"),
        ("scores.py:fails", "failed on the text"),
        ("scores.py:words", "failed on the text"),
        ("scores.py:infinite", "valid: a finite number"),
    ],
)
def test_a_score_that_does_not_work_is_refused_before_anything_is_measured(
    spec: str, message: str, study_file: Path
) -> None:
    Path("scores.py").write_text(
        "number = 3\n"
        "def fails(text): return 1 / 0\n"
        "def words(text): return text.split()\n"
        "def infinite(text): return float('inf')\n"
    )

    result = CliRunner().invoke(sweep, [str(study_file), "--layers", "1", "--coeffs", "1", "--score", spec])

    assert message in str(result.exception)
    assert result.output == ""
