from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.corpus import corpus
from rater.errors import StudyError, TableError

STUDY = """
from rater import Dimension, Likert, Plan, Prompted, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="tiny", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["I hate you because", "The rain went"],
    arms=[
        Unsteered(),
        Steered(name="love", additions=[XVector("Love", "Hate", coeff=5, at=6)]),
        Prompted(name="asked", prefix="Be happy. "),
    ],
    sampling=Sampling(max_new_tokens=4, temperature=0),
    plan=Plan(raters=4),
)
"""
TEXTS = (
    "text,label\nI love you so much my dear,kind\nYou are a lovely friend,kind\nI hate you my enemy,cruel\n"
)


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(STUDY)
    (tmp_path / "texts.csv").write_text(TEXTS)
    return "tiny.py"


@pytest.mark.model
def test_a_corpus_continues_where_it_stopped_and_is_drawn(study_file: str, tmp_path: Path) -> None:
    command = [study_file, "--texts", "texts.csv", "--coeffs", "1", "--prompted", "asked", "--device", "cpu"]

    first = CliRunner().invoke(corpus, [*command, "--layers", "2"])
    second = CliRunner().invoke(corpus, [*command, "--layers", "2,6", "--picture", "corpus.svg"])

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "Measuring 2 settings of 3 texts each" in first.stderr
    assert "Measuring 1 setting of 3 texts each" in second.stderr
    rows = [line.split() for line in second.stdout.splitlines()]
    assert ["6", "1", "kind", "2"] in [row[:4] for row in rows]
    assert ["asked", "cruel", "1"] in [row[:3] for row in rows]
    assert "kind, asked" in (tmp_path / "corpus.svg").read_text()
    assert len((tmp_path / "tiny-love-corpus.csv").read_text().splitlines()) == 1 + 3 * 3


def test_texts_that_cannot_be_read_are_refused(study_file: str, tmp_path: Path) -> None:
    command = [study_file, "--layers", "2", "--coeffs", "1"]
    (tmp_path / "none.csv").write_text("text,label\n,a\n")
    (tmp_path / "other.csv").write_text("words\nHello\n")

    blank = CliRunner().invoke(corpus, [*command, "--texts", "none.csv"])
    other = CliRunner().invoke(corpus, [*command, "--texts", "other.csv"])

    assert isinstance(blank.exception, TableError)
    assert "valid: both not empty" in str(blank.exception)
    assert isinstance(other.exception, TableError)
    assert "has no column 'text'" in str(other.exception)


def test_an_unknown_prompted_arm_gets_the_nearest_named(study_file: str) -> None:
    command = [study_file, "--layers", "2", "--coeffs", "1", "--texts", "texts.csv", "--prompted", "ask"]

    result = CliRunner().invoke(corpus, command)

    assert isinstance(result.exception, StudyError)
    assert "--prompted is 'ask'" in str(result.exception)
    assert "'asked'" in str(result.exception)
