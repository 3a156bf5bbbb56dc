"""Equal texts are counted before publication, and arms that are copies of one another are not published."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.publish.publish import find_published
from rater.publish.texts import SameTexts, SharedTexts, count_same_texts, describe_same_texts, normalise
from rater.study.study import Study
from tests.cli.command import run


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" It rained. Then we", " It rained."),
        (' She said "Stop!" and', ' She said "Stop!"'),
        (" no sentence ends here", " no sentence ends here"),
        (" version 2.5 of it", " version 2.5 of it"),
        (" Done. ", " Done."),
        ("今日は晴れ。 そして", "今日は晴れ。"),
    ],
)
def test_a_last_sentence_that_does_not_end_is_cut_where_the_study_says_so(text: str, shown: str) -> None:
    assert normalise(text, cut_unfinished_sentence=True) == shown


@given(st.text(), st.booleans())
def test_normalising_twice_is_normalising_once(text: str, cut: bool) -> None:  # noqa: FBT001 (hypothesis gives it)
    once = normalise(text, cut_unfinished_sentence=cut)

    assert normalise(once, cut_unfinished_sentence=cut) == once
    assert "\0" not in once
    assert once == once.rstrip()


NOW = datetime(2026, 3, 1, tzinfo=UTC)
STUDY = """
from rater import *

study = Study(
    name="from_files", title="How happy?", consent="c", instructions="i",
    dimensions=[Dimension(name="happiness", question="How happy?", scale={scale})],
    prompts=["I woke up and", "The rain"], sampling=Sampling(samples_per_prompt=2), plan=Plan(raters=2),
    arms=[
        ExternalCompletions(name="zebra-arm", path="texts.jsonl"),
        ExternalCompletions(name="walrus-arm", path="texts.jsonl"),
    ],
    {more}
)
"""
PROMPTS = ("I woke up and", "The rain")
WORDS = ("ran home", "sang all day", "stayed in bed", "went away at once")


def write(
    folder: Path, *, zebra: tuple[str, ...], walrus: tuple[str, ...], scale: str = "", more: str = ""
) -> Path:
    """Write a study of texts from a file; an arm has the texts given, in the order of prompts and samples."""
    lines = [
        f'{{"prompt": "{PROMPTS[number // 2]}", "arm": "{arm}", "text": " {text}."}}'
        for arm, texts in (("zebra-arm", zebra), ("walrus-arm", walrus))
        for number, text in enumerate(texts)
    ]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    path = folder / "study.py"
    path.write_text(STUDY.format(scale=scale or 'Likert(low="not", high="very")', more=more))
    return path


@pytest.fixture
def databases(sealed_url: str, rating_url: str) -> tuple[str, ...]:
    return ("--sealed", sealed_url, "--ratings", rating_url)


def test_arms_with_the_same_texts_are_not_published_unless_that_is_declared(
    tmp_path: Path, databases: tuple[str, ...], rating_url: str
) -> None:
    file = write(tmp_path, zebra=WORDS, walrus=WORDS)

    made = run("generate", file, *databases, cwd=tmp_path)
    shown = run("status", "from_files", *databases, cwd=tmp_path)
    refused = run("publish", "from_files", *databases, cwd=tmp_path)

    assert made.returncode == 0
    for said in (made.stderr, shown.stdout):
        assert "zebra-arm and walrus-arm have exactly the same texts" in " ".join(said.split())
    assert refused.returncode == 2
    assert "allow_identical_arms=True" in refused.stderr
    assert find_published(rating_url, "from_files") is None

    file = write(tmp_path, zebra=WORDS, walrus=WORDS, more="allow_identical_arms=True,")
    assert run("generate", file, *databases, cwd=tmp_path).returncode == 0
    assert run("publish", "from_files", *databases, cwd=tmp_path).returncode == 0


def test_some_shared_and_some_repeated_texts_are_counted_and_published(
    tmp_path: Path, databases: tuple[str, ...]
) -> None:
    file = write(tmp_path, zebra=WORDS, walrus=("ran home", "ran home", "swam", "slept"))

    made = run("generate", file, *databases, cwd=tmp_path)
    done = run("publish", "from_files", "--acknowledge-confounds", *databases, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    for said in (made.stderr, done.stdout):
        line = " ".join(said.split())
        assert "zebra-arm and walrus-arm share 1 of 4 texts" in line
        assert "In arm walrus-arm 1 of 4 texts repeat another text" in line


def test_pairs_of_equal_texts_are_counted(tmp_path: Path, databases: tuple[str, ...]) -> None:
    walrus = ("ran home", "ran home", "swam", "slept")
    file = write(tmp_path, zebra=("ran home", "ran home", "sat", "ate"), walrus=walrus, scale="Pairwise()")
    assert run("generate", file, *databases, cwd=tmp_path).returncode == 0

    done = run("publish", "from_files", "--acknowledge-confounds", *databases, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "pairs of texts in the same trial are equal" in " ".join(done.stdout.split())


def test_a_study_of_different_texts_has_no_warning(
    study: Study,
    seal_completions: Callable[[Study], None],
    databases: tuple[str, ...],
    tmp_path: Path,
) -> None:
    seal_completions(study)

    done = run("publish", study.name, *databases, cwd=tmp_path)

    assert done.returncode == 0
    assert "Warning" not in done.stdout


def test_equal_texts_are_matched_one_to_one_and_within_their_prompt() -> None:
    texts = [
        ("a", "p", "x"),
        ("a", "p", "x"),
        ("a", "q", "y"),
        ("b", "p", "x"),
        ("b", "q", "x"),
        ("b", "p", "z"),
    ]

    same = count_same_texts(texts, ["a", "b"])

    assert same == SameTexts((SharedTexts("a", "b", 1, 3),), (("a", 1, 3),))
    assert same.identical == ()
    assert len(describe_same_texts(same)) == 2


def test_the_hash_of_a_study_that_does_not_declare_identical_arms_is_as_before(study: Study) -> None:
    assert "allow_identical_arms" not in study.canonical_json()
    assert "allow_identical_arms" in study.model_copy(update={"allow_identical_arms": True}).canonical_json()
