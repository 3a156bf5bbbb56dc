import json
from pathlib import Path

import pytest

from tests.cli.command import run

TEXTS = (
    "prompt,completion,arm\n"
    + "".join(f"p{n}, bad {n},unsteered\np{n}, good {n},steered\n" for n in range(4))
    + "p4, bad,unsteered\np4, good,steered\n"
)
QUESTION = ("--question", "How happy is this text?")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    path.write_text(TEXTS)
    return path


def rate(*arguments: str | Path, cwd: Path, keys: str) -> tuple[int, str, str]:
    shown = run("rate", *arguments, cwd=cwd, stdin="".join(f"{key}\n" for key in keys))
    return shown.returncode, shown.stdout, shown.stderr


def test_a_file_is_rated_blindly_and_analysed_in_one_step(texts: Path, tmp_path: Path) -> None:
    for rater in ("ana", "bo"):
        code, shown, errors = rate(
            "--from",
            texts,
            *QUESTION,
            "--rater",
            rater,
            "--json",
            "all.json",
            cwd=tmp_path,
            keys="1234512345",
        )
        assert code == 0, errors

    before, _, after = shown.partition("All 10 texts are rated")
    assert "steered" not in before
    assert "answer · primary · How happy" in after or "answer · primary" in after
    assert "nothing was sealed or registered in advance" in " ".join(after.split())
    assert json.loads((tmp_path / "all.json").read_text())["dimensions"]
    assert (tmp_path / "texts-answers.csv").read_text().count("\nbo,") == 10


def test_without_analysis_the_rater_learns_nothing(texts: Path, tmp_path: Path) -> None:
    code, shown, _ = rate("--from", texts, *QUESTION, "--no-analysis", cwd=tmp_path, keys="1234512345")

    assert code == 0
    assert "primary" not in shown
    assert "steered" not in shown


def test_a_session_that_was_left_is_continued(texts: Path, tmp_path: Path) -> None:
    code, shown, _ = rate("--from", texts, *QUESTION, "--rater", "ana", cwd=tmp_path, keys="123q")
    assert code == 0
    assert "3 of 10 answers of ana are saved" in " ".join(shown.split())
    assert "primary" not in shown

    _, shown, _ = rate("--from", texts, *QUESTION, "--rater", "ana", cwd=tmp_path, keys="1234512")

    assert "4 of 10" in shown
    assert "All 10 texts are rated" in shown


def test_texts_without_arms_end_with_a_summary(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')

    options = ("--from", "t.jsonl", *QUESTION, "--scale", "0,10", "--out", "answers.csv")
    code, shown, errors = rate(*options, cwd=tmp_path, keys=["4", "10"])  # type: ignore[arg-type] # lines

    assert code == 0, errors
    assert "1 rater · 2 texts · 2 answers" in shown
    assert "7.00" in shown


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        ((), "Give either a STUDY, or --from FILE"),
        (("a_study", "--from", "texts.csv"), "Give either a STUDY, or --from FILE"),
        (("a_study", *QUESTION), "--question is for texts of a file: use it with --from."),
        (("--from", "texts.csv"), "--from needs a --question"),
        (("--from", "texts.csv", *QUESTION, "--as", "ana"), "--as is for a STUDY"),
        (("--from", "texts.csv", *QUESTION, "--points", "12"), "12"),
        (("--from", "texts.csv", *QUESTION, "--points", "5", "--scale", "0,9"), "--points and --scale"),
        (("--from", "texts.csv", *QUESTION, "--scale", "9,0"), "maximum is 0"),
        (("--from", "texts.csv", *QUESTION, "--low", " "), "low"),
        (("--from", "texts.csv", *QUESTION, "--rater", " "), "--rater is empty"),
        (("--from", "texts.csv", *QUESTION, "--contrast", "steered,none"), "none"),
        (("--from", "texts.csv", *QUESTION, "--arm", "prompt", "--csv", "x.csv"), "there are 5 arms"),
        (("--from", "missing.csv", *QUESTION), "There is no file missing.csv"),
        (("--from", "texts.csv", *QUESTION, "--out", "answers.txt"), "ending in .csv"),
        (("--from", "one.csv", *QUESTION, "--report", "r"), "--report needs two arms"),
    ],
)
def test_mistakes_are_named_before_anything_is_rated(
    texts: Path, tmp_path: Path, arguments: tuple[str, ...], phrase: str
) -> None:
    (tmp_path / "one.csv").write_text("text\nx\n")

    code, shown, errors = rate(*arguments, cwd=texts.parent, keys="1")

    assert code == 2
    assert phrase in " ".join(errors.split())
    assert shown == ""
    assert not (tmp_path / "texts-answers.csv").exists()
