from pathlib import Path

import pytest

from rater.cli.metrics import count, load_score
from rater.errors import StudyError

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


def test_a_score_is_a_function_of_the_text(study_file: Path) -> None:
    Path("scores.py").write_text("def n_commas(text): return text.count(',')\n")
    Path("other_scores.py").write_text("def n_commas(text): return text.count(',') + 0\n")

    scoring = load_score("scores.py:n_commas")

    assert scoring.function("a, b, c") == 2
    assert scoring.label == "mean n_commas of a text"
    assert load_score("other_scores:n_commas").digest != scoring.digest


def test_words_may_hold_commas_in_quotes() -> None:
    assert count('love, "well, well"').label == "occurrences of love, well, well in a text"
    with pytest.raises(StudyError, match="--words is ' , '"):
        count(" , ")
