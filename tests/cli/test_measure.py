"""Run `rater measure` on a generated study."""

from pathlib import Path

import pytest

from rater.study.study import Study
from tests.cli.command import run


def test_texts_are_measured_and_listed(tmp_path: Path, generated: Study, sealed_url: str) -> None:
    sealed = ("--sealed", sealed_url)

    done = run("measure", generated.name, "--words", "fell,on", *sealed, cwd=tmp_path)
    form = run("measure", generated.name, "--text", *sealed, cwd=tmp_path)
    listed = run("measure", generated.name, "--list", *sealed, cwd=tmp_path)

    assert done.returncode == form.returncode == listed.returncode == 0, done.stderr + form.stderr
    assert "counted_words: 24 values; 24 of 24 measured, 24 of them now" in done.stdout
    assert "s per 1,000 texts" in done.stderr
    assert "compression: 24 values" in listed.stdout
    assert "counted_words: 24 values; 24 of 24 measured\n" in listed.stdout


def test_a_function_of_ones_own_measures(tmp_path: Path, generated: Study, sealed_url: str) -> None:
    (tmp_path / "mine.py").write_text("def Digits_in(text):\n    return sum(map(str.isdigit, text))\n")

    done = run(
        "measure", generated.name, "--function", "mine.py:Digits_in", "--sealed", sealed_url, cwd=tmp_path
    )

    assert "digits_in: 24 values" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ((), "No metric was given"),
        (("--text", "--words", "love"), "--text and --words were given"),
        (("--text", "--name", "x"), "cannot be combined"),
        (("--words", "love", "--name", "My name"), "--name is 'My name'"),
        (("--words", ","), "--words is ','"),
        (("--function", "nothing.py:f"), "--function is 'nothing.py:f'"),
    ],
)
def test_a_mistake_gets_one_message(
    tmp_path: Path, generated: Study, sealed_url: str, options: tuple[str, ...], phrase: str
) -> None:
    done = run("measure", generated.name, *options, "--sealed", sealed_url, cwd=tmp_path)

    assert done.returncode == 2
    assert phrase in done.stderr
    assert "Traceback" not in done.stderr


def test_no_arm_is_printed(tmp_path: Path, generated: Study, sealed_url: str) -> None:
    done = run("measure", generated.name, "--text", "--sealed", sealed_url, cwd=tmp_path)

    assert not any(arm in done.stdout + done.stderr for arm in generated.arm_names)
