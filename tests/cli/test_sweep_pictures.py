"""Draw a sweep's figures from its command."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from rater.cli.sweep import sweep
from tests.cli.test_sweep import STUDY


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(STUDY)
    return ["tiny.py", "--layers", "2,6", "--coeffs", "1,4", "--samples", "1", "--device", "cpu"]


@pytest.mark.model
def test_lines_by_prompt_come_from_the_kept_results(command: list[str], tmp_path: Path) -> None:
    kept = ["--by-prompt", "--keep-texts", "--lines", "effect", "--by", "coeff", "--picture", "lines.svg"]

    first = CliRunner().invoke(sweep, [*command, *kept])
    again = CliRunner().invoke(sweep, [*command, *kept])

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert again.stderr == ""  # nothing was measured again
    drawn = (tmp_path / "lines.svg").read_text()
    assert "I hate you because" in drawn
    assert "unsteered" in drawn
    prompts = pd.read_csv(tmp_path / "tiny-love-sweep-prompts.csv")
    texts = pd.read_csv(tmp_path / "tiny-love-sweep-texts.csv")
    assert prompts.groupby("prompt").size().tolist() == [5, 5]
    assert texts.groupby("prompt").size().tolist() == [5, 5]
    assert texts["layer"].isna().sum() == 2  # the unsteered model


@pytest.mark.model
def test_a_sweep_without_kept_results_cannot_be_drawn_by_prompt(command: list[str]) -> None:
    CliRunner().invoke(sweep, [*command, "--prompts", "1"])

    again = CliRunner().invoke(sweep, [*command, "--prompts", "1", "--by-prompt"])

    assert again.exit_code != 0
    assert "measured without --by-prompt" in str(again.exception)


@pytest.mark.model
def test_given_texts_are_the_effect(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text('prompt,text\nI hate you because," you are kind."\n')

    done = CliRunner().invoke(
        sweep, [*command, "--texts", "texts.csv", "--lines", "effect", "--picture", "lines.png"]
    )

    assert done.exit_code == 0, done.output
    assert "log probability of 1 given texts" in done.stdout
    again = CliRunner().invoke(sweep, [*command, "--texts", "texts.csv"])
    assert again.stdout.splitlines()[:8] == done.stdout.splitlines()[:8]  # read from the file
    assert (tmp_path / "lines.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        (["--lines", "nll"], "--lines needs a file"),
        (["--words", "a", "--texts", "tiny.py"], "--words and --texts both set the effect"),
        (["--texts", "tiny.py", "--by-prompt"], "cannot be combined with --texts"),
        (["--positive", "toxic"], "use it with --classifier"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    command: list[str], options: list[str], phrase: str
) -> None:
    done = CliRunner().invoke(sweep, [*command, *options])

    assert done.exit_code == 2
    assert phrase in done.stderr
