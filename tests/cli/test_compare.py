from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.compare import compare
from rater.cli.sweep import sweep
from rater.errors import StudyError

STUDY = """
from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="tiny", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["I hate you because", "The rain went"],
    arms=[Unsteered(), Steered(name="love", additions=[XVector("Love", "Hate", coeff=5, at=6)])],
    sampling=Sampling(max_new_tokens=3, temperature=0),
    plan=Plan(raters=4),
)
"""


@pytest.mark.model
def test_arms_are_shown_side_by_side_on_a_page(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(STUDY)
    options = ["--prompts", "1", "--samples", "1", "--device", "cpu", "--html", str(tmp_path / "page.html")]

    result = CliRunner().invoke(compare, [str(tmp_path / "tiny.py"), *options])

    assert result.exit_code == 0, result.output
    assert "Generating and measuring 2 completions with smollm2-135m-instruct …" in result.stderr
    written = (tmp_path / "page.html").read_text()
    assert "<b>I hate you because</b> you&#x27;re a" in written
    assert "steered tokens 0–2 at blocks.6.hook_resid_pre" in written
    assert "The rain went" not in written


@pytest.mark.model
def test_a_concept_has_its_own_vectors(tmp_path: Path) -> None:
    concepts = """concepts=[
        Concept(words=words, additions=[XVector(words, "it", coeff=10, at=6)]) for words in ("dogs", "snow")
    ],
    arms=[Unsteered(), ConceptSteered()],
    analysis=AnalysisPlan(scope="raters+prompts+concepts"),"""
    arms = next(line for line in STUDY.splitlines() if "arms=" in line)
    study = STUDY.replace(arms, concepts).replace(
        "import ", "import AnalysisPlan, Concept, ConceptSteered, ", 1
    )
    study = study.replace("max_new_tokens=3", "max_new_tokens=20")
    (tmp_path / "tiny.py").write_text(study)
    written = {}
    for words in ("dogs", "snow"):
        page = tmp_path / f"{words}.html"
        options = ["--prompts", "1", "--samples", "1", "--device", "cpu", "--concept", words]
        result = CliRunner().invoke(compare, [str(tmp_path / "tiny.py"), *options, "--html", str(page)])
        assert result.exit_code == 0, result.output
        written[words] = page.read_text()

    assert "I hate you because" in written["snow"]
    assert written["dogs"] != written["snow"]


def test_completions_of_several_turns_are_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    prompts = next(line for line in STUDY.splitlines() if "prompts=" in line)
    items = """    chat=True, rated="conversation",
    items=[Item(turns=[Turn("user", "Name a fruit."), Turn("user", "Why?")])],"""
    study = (
        STUDY.replace(prompts, items)
        .replace("import ", "import Item, Turn, ", 1)
        .replace("raters=4", "raters=2")
    )
    (tmp_path / "tiny.py").write_text(study)

    for command, name, options in (
        (compare, "compare", []),
        (sweep, "sweep", ["--layers", "2", "--coeffs", "4"]),
    ):
        result = CliRunner().invoke(command, [str(tmp_path / "tiny.py"), *options])

        assert isinstance(result.exception, StudyError), result.output
        assert f"up to 2 generated turns, but rater {name} generates one reply" in str(result.exception)
