"""Run `rater measure` on a generated study."""

from pathlib import Path

import pytest

from rater.measure.study_texts import read_item_texts
from rater.study.study import Study
from tests.cli.command import run
from tests.measure.openai_server import Answer, serving


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
        (("--text", "--points", "7"), "--points cannot be used with --text"),
        (("--judge", "m", "--dimension", "hapiness"), "--dimension is 'hapiness'"),
        (("--judge", "m", "--question", "How odd?"), "--low and --high"),
        (("--judge", "m", "--question", "Q?", "--dimension", "happiness"), "give one of them"),
        (("--judge", "m", "--repeats", "2"), "--repeats needs a server"),
        (("--judge", "m", "--base-url", "nowhere"), "valid: such as http://127.0.0.1:8000/v1"),
    ],
)
def test_a_mistake_gets_one_message(
    tmp_path: Path, generated: Study, sealed_url: str, options: tuple[str, ...], phrase: str
) -> None:
    done = run("measure", generated.name, *options, "--sealed", sealed_url, cwd=tmp_path)

    assert done.returncode == 2
    assert phrase in done.stderr
    assert "Traceback" not in done.stderr


def test_a_judge_is_asked_the_studys_question_and_its_failures_come_first(
    tmp_path: Path, generated: Study, sealed_url: str
) -> None:
    def respond(number: int, message: str) -> str:
        assert "Question: How happy is this text?" in message
        return "3" if number else "No."

    with serving(respond) as requests:
        options = ("--judge", "m", "--base-url", requests.url, "--repeats", "2", "--at-once", "1")
        done = run("measure", generated.name, *options, "--sealed", sealed_url, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[:2]
    assert first == ("judge_happiness (happiness): 1 of 48 WITHOUT A VALUE: 1 × not an answer of the scale")
    assert second.startswith("judge_happiness (happiness): 47 values; 48 of 48 measured")


def test_a_judge_can_be_asked_another_question(tmp_path: Path, generated: Study, sealed_url: str) -> None:
    with serving(lambda _, message: "7" if "7 = very" in message else "") as requests:
        done = run(
            "measure", generated.name, "--judge", "m", "--base-url", requests.url, "--question", "How odd?",
            "--points", "7", "--low", "not", "--high", "very", "--sealed", sealed_url, cwd=tmp_path,
        )  # fmt: skip

    assert "judge: 24 values" in done.stdout, done.stderr


def test_a_server_that_refuses_is_an_error_without_a_traceback(
    tmp_path: Path, generated: Study, sealed_url: str
) -> None:
    with serving(lambda *_: Answer(status=401, body={"error": {"message": "No key."}})) as requests:
        options = ("--judge", "m", "--base-url", requests.url)
        done = run("measure", generated.name, *options, "--sealed", sealed_url, cwd=tmp_path)

    assert done.returncode == 2
    assert "refused a request: 401 No key." in done.stderr
    assert "Traceback" not in done.stderr


def test_values_of_a_file_belong_to_the_published_items(
    tmp_path: Path, opened: Study, sealed_url: str
) -> None:
    items = read_item_texts(sealed_url, opened.name)
    lines = [f"{item},{1 + len(shown.text) % 5}" for item, shown in items.items()]
    (tmp_path / "my judge.csv").write_text("\n".join(["item,rating", *lines[1:], f"{next(iter(items))},9"]))

    done = run(
        "measure", opened.name, "--from", "my judge.csv", "--dimension", "happiness", "--sealed", sealed_url,
        cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "my_judge (happiness): 1 of 24 WITHOUT A VALUE: 1 × not an answer of the scale" in done.stdout


def test_no_arm_is_printed(tmp_path: Path, generated: Study, sealed_url: str) -> None:
    done = run("measure", generated.name, "--text", "--sealed", sealed_url, cwd=tmp_path)

    assert not any(arm in done.stdout + done.stderr for arm in generated.arm_names)
