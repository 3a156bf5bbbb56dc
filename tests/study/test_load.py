"""Study files load, and an error in one names the place and valid values."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rater import Study
from rater.errors import StudyError
from rater.study.load import load_study

_BEGINNING = """\
from rater import *
from rater import ActivationAddition as Addition

def study_with(**changed):
    scale = Likert(low="not at all", high="very")
    fields = dict(
        name="n", title="t", consent="c", instructions="i", prompts=["a", "b"],
        dimensions=[Dimension(name="happiness", question="q", scale=scale)],
        arms=[Unsteered(), Steered(additions=[XVector("L", "H", coeff=1, at=6)])],
    )
    return Study(**(fields | changed))

"""
_BALANCE = (
    "but a rater sees each of the 2 arms equally often and no text twice; "
    "valid: a multiple of 2 up to 16, such as"
)
_ARMS = (
    "an Unsteered(…), Steered(…), ConceptSteered(…), Prompted(…), OtherModel(…), ExternalCompletions(…) or "
    "*dose_series(…)."
)
_ENDS = "valid: points between the ends, 2 to 4 (the ends are `low` and `high`)."
_HOOK = "valid: a layer number from 0, or a hook point such as 'blocks.6.hook_resid_pre'."


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Study]:
    """A function that loads a study file made of a text."""
    monkeypatch.chdir(tmp_path)

    def loaded(text: str) -> Study:
        Path("study.py").write_text(text, encoding="utf-8")
        return load_study(Path("study.py"))

    return loaded


def test_a_study_file_gives_its_study(load: Callable[[str], Study]) -> None:
    study = load(f"{_BEGINNING}study = study_with(title='Happy?')")

    assert (study.title, study.arm_names) == ("Happy?", ["unsteered", "steered"])


def test_the_demo_study_is_valid() -> None:
    experiments = Path(__file__).parents[2] / "experiments"

    assert load_study(experiments / "love_vs_hate.py").name == "love_vs_hate"


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        # names
        (
            "study_with(name='a/b')",
            "name is 'a/b'; valid: a-z, 0-9, _ and -, starting with a letter or digit, such as 'texts-2'.",
        ),
        ("study_with(promts=[])", "Unknown field promts. Did you mean 'prompts'?"),
        (
            "study_with(exclusions=Exclusions(max_failed_checks=1))",
            "It is a field of AnalysisPlan; write AnalysisPlan(exclusions=…).",
        ),
        ("Sampling(temprature=1)", "Unknown field temprature. Did you mean 'temperature'?"),
        ("Likert(low='a')", "high is missing."),
        # texts
        ("study_with(title='')", "title is ''; valid: a text that is not empty."),
        ("study_with(title='x' * 201)", "valid: a text of at most 200 characters."),
        ("study_with(title=3)", "title is 3; valid: a text, in quotes."),
        # prompts
        ("study_with(prompts=[])", "prompts has 0; valid: at least 1 of them."),
        ("study_with(prompts='a')", "prompts is 'a'; valid: a list, in brackets: [x, y], or [x] for one."),
        ("study_with(prompts=['a', ''])", "prompts[1] is ''; valid: a text that is not empty."),
        (
            "study_with(prompts={'one', 'two'})",
            "valid: a list, in brackets: [x, y], or [x] for one.",
        ),
        (
            "study_with(dimensions=study_with().dimensions[0])",
            "valid: a list, in brackets: [x, y], or [x] for one.",
        ),
        ("study_with(prompts=[' '])", "prompts has one without visible characters; each needs at least one."),
        (
            "study_with(prompts=['a', 'a'])",
            "prompts has 'a' twice; for several completions of it, raise sampling.samples_per_prompt.",
        ),
        # dimensions
        ("study_with(dimensions=[])", "dimensions has 0; valid: at least 1 of them."),
        ("Likert(points=1, low='a', high='b')", "points is 1; valid: at least 2."),
        ("Likert(points=12, low='a', high='b')", "points is 12; valid: at most 11."),
        ("Likert(points=2.5, low='a', high='b')", "points is 2.5; valid: a whole number."),
        ("Likert(low='', high='b')", "low is ''; valid: a text that is not empty."),
        (
            "Likert(low='a', high='b', labels={5: 'x'})",
            f"labels has 5; {_ENDS}",
        ),
        (
            "study_with(dimensions=[Dimension(name='x', question='q', scale=Likert(low='a', high='b'))] * 2)",
            "dimensions has 'x' twice; give each its own name.",
        ),
        (
            "study_with(dimensions=[dict(name='x', question='q', scale=dict(low='a'))])",
            "dimensions[0].scale.high is missing.",
        ),
        (
            "study_with(dimensions=[dict(name='x', question='q', scale=dict(low='a', high='b', points=''))])",
            "dimensions[0].scale.points is ''; valid: a whole number.",
        ),
        (
            "Dimension(name='x', question='q', scale=dict(low='a', high='b', labels={9: 'x'}))",
            f"scale: labels has 9; {_ENDS}",
        ),
        # sampling
        ("Sampling(temperature=-1)", "temperature is -1; valid: at least 0.0."),
        ("Sampling(temperature=float('nan'))", "temperature is nan; valid: a finite number."),
        ("Sampling(temperature='hot')", "temperature is 'hot'; valid: a number."),
        ("Sampling(top_p=0)", "top_p is 0; valid: more than 0.0."),
        ("Sampling(seed=-1)", "seed is -1; valid: at least 0."),
        ("study_with(sampling=3)", "sampling is 3; valid: a Sampling(…)."),
        ("study_with(sampling=dict(top_p=2))", "sampling.top_p is 2; valid: at most 1.0."),
        # arms
        (
            "study_with(arms=[Unsteered()])",
            "arms has 1; valid: at least 2 of them.",
        ),
        ("study_with(arms=[Unsteered(), 'x'])", f"arms[1] is 'x'; valid: {_ARMS}"),
        ("Prompted()", "of prefix and system, neither is given; valid: one of them or both."),
        (
            "Prompted(prefix='Be kind.')",
            "prefix ends with '.' and would run into the prompt; end it with a space or a line break.",
        ),
        (
            "study_with(arms=[Unsteered(), Prompted(system='Be kind.')])",
            "but chat is False; set chat=True (for all arms), or use prefix instead of system.",
        ),
        ("ExternalCompletions(pth='x')", "Unknown field pth. Did you mean 'path'?"),
        ("OtherModel()", "model is missing."),
        ("study_with(arms=[Unsteered(), dict(kind='other_model')])", "arms[1].model is missing."),
        ("RandomVector([])", "like has 0; valid: at least 1 of them."),
        (
            "study_with(arms=[Unsteered, Unsteered()])",
            f"arms[0] is <class 'rater.study.arms.Unsteered'>; valid: {_ARMS}",
        ),
        ("study_with(arms=[Unsteered()] * 2)", "arms has 'unsteered' twice; give each its own name."),
        (
            "study_with(arms=[dict(kind='steered', additions=[dict(prompt1='a', coef=1, at=6)])])",
            "Unknown field arms[0].additions[0].coef. Did you mean 'coeff'?",
        ),
        ("Steered(additions=[])", "additions has 0; valid: at least 1 of them."),
        (
            "Steered(additions=['x'])",
            (
                "additions[0] is 'x'; valid: an XVector(…), ActivationAddition(…), DatasetVector(…), "
                "VectorFile(…) or RandomVector(…)."
            ),
        ),
        ("Steered(addition=[])", "Unknown field addition. Did you mean 'additions'?"),
        (
            "Unsteered(name='A b')",
            "name is 'A b'; valid: a-z, 0-9, _ and -, starting with a letter or digit, such as 'texts-2'.",
        ),
        # additions
        ("XVector('a', 'b', coef=5, at=6)", "Unknown field coef. Did you mean 'coeff'?"),
        ("XVector('a', 'b', 5, at=6)", "coeff is given without its name; write XVector(…, coeff=5)."),
        ("XVector('a', 'b', coeff=5)", "at is missing."),
        ("XVector('a', coeff=5, at=6)", "prompt2 is missing."),
        ("XVector('a', 'b', coeff=5, at=-1)", f"at is -1; {_HOOK}"),
        ("XVector('a', 'b', coeff=5, at=1.5)", f"at is 1.5; {_HOOK}"),
        ("XVector('a', 'b', coeff=5, at='')", f"at is ''; {_HOOK}"),
        ("XVector('a', 'b', coeff=5, at=True)", f"at is True; {_HOOK}"),
        ("XVector('a', 'b', coeff='x', at=6)", "coeff is 'x'; valid: a number."),
        ("XVector('a', 'b', coeff=float('inf'), at=6)", "coeff is inf; valid: a finite number."),
        ("XVector('\\ud800', 'b', coeff=5, at=6)", "valid: a text of whole Unicode characters."),
        (
            "XVector('a', 'b', coeff=5, at=6, pad='end')",
            "pad is 'end'; valid: 'space', 'model', a token id from 0, or None.",
        ),
        (
            "study_with(prompts=['a\\x00b'])",
            "valid: a text without control characters; this one has U+0000 at position 1.",
        ),
        (
            "study_with(title='\\x1b[2J')",
            "valid: a text without control characters; this one has U+001B at position 0.",
        ),
        (
            "study_with(debrief_immediately='yes please')",
            "debrief_immediately is 'yes please'; valid: True or False.",
        ),
        ("Addition(5, -6, 'a')", f"act_name is -6; {_HOOK}"),
        ("Addition(5, 6)", "of prompt and tokens, neither is given; valid: exactly one of them."),
        ("Addition(5, 6, 'a', [1])", "of prompt and tokens, both are given; valid: exactly one of them."),
        ("Addition(5, 6, tokens=[])", "tokens has 0; valid: at least 1 of them."),
        ("Addition(5, 6, tokens=[-1])", "tokens[0] is -1; valid: at least 0."),
        (
            "Addition(5, 6, tokens='ab')",
            "tokens is 'ab'; valid: a list, in brackets: [x, y], or [x] for one.",
        ),
        # plans
        ("Plan(raters=0)", "raters is 0; valid: at least 1."),
        (
            "study_with(plan=Plan(items_per_rater=3))",
            f"plan.items_per_rater is 3, {_BALANCE} 2.",
        ),
        (
            "study_with(plan=Plan(items_per_rater=1))",
            f"plan.items_per_rater is 1, {_BALANCE} 2.",
        ),
        (
            "study_with(plan=Plan(items_per_rater=1000))",
            f"plan.items_per_rater is 1000, {_BALANCE} 16.",
        ),
        (
            "study_with(analysis=AnalysisPlan(contrast=['steerd', 'unsteered']))",
            "analysis.contrast: unknown arm 'steerd'. Did you mean 'steered'?",
        ),
        (
            "study_with(analysis=AnalysisPlan(contrast=['steered', 'steered']))",
            "analysis.contrast compares 'steered' with itself; name two different arms.",
        ),
        (
            "study_with(analysis=AnalysisPlan(primary='joy'))",
            "analysis.primary: unknown dimension 'joy'. Valid: happiness.",
        ),
        (
            "AnalysisPlan(contrast='steered')",
            "contrast is 'steered'; valid: a list, in brackets: [x, y], or [x] for one.",
        ),
        ("AnalysisPlan(contrast=['steered'])", "contrast[1] is missing."),
        (
            "AnalysisPlan(scope='rater')",
            (
                "scope is 'rater'; valid: 'raters+prompts', 'raters+prompts+concepts', 'raters+concepts', "
                "'raters' or 'prompts'."
            ),
        ),
        ("AnalysisPlan(alpha=1)", "alpha is 1; valid: less than 0.5."),
        ("AnalysisPlan(sesoi=0)", "sesoi is 0; valid: more than 0.0."),
    ],
)
def test_what_is_not_valid_is_named_with_its_value_and_what_would_be(
    load: Callable[[str], Study], expression: str, problem: str
) -> None:
    with pytest.raises(StudyError) as caught:
        load(f"{_BEGINNING}study = {expression}")

    first, *problems = str(caught.value).splitlines()
    assert first.startswith("study.py:")
    assert first.endswith(" is not valid.")
    assert any(line.endswith(problem) for line in problems), problems


def test_only_what_is_wrong_is_named(load: Callable[[str], Study]) -> None:
    with pytest.raises(StudyError) as caught:
        load(f"{_BEGINNING}study = study_with(\n    title='', prompts=[''],\n    arms=[Unsteered(), 'x'],\n)")

    assert str(caught.value) == (
        "study.py:11: Study is not valid.\n"
        "  title is ''; valid: a text that is not empty.\n"
        "  prompts[0] is ''; valid: a text that is not empty.\n"
        f"  arms[1] is 'x'; valid: {_ARMS}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "study.py must define `study = Study(...)`, but there is no `study` in it."),
        ("study = 3", "study.py must define `study = Study(...)`, but its `study` is of type int."),
        ("\nstudy = (", "study.py:2 fails with SyntaxError: '(' was never closed\n  study = ("),
        (
            "import math\nmath.sqrt(-1)",
            "study.py:2 fails with ValueError: math domain error\n  math.sqrt(-1)",
        ),
        (
            "import nosuch",
            "study.py:1 fails with ModuleNotFoundError: No module named 'nosuch'\n  import nosuch",
        ),
        (
            "from rater import Contrast\nContrast('a', 'b')",
            (
                "study.py:2 fails with TypeError: the parts of a study take their values by name, "
                'such as Dimension(name="happiness", …)\n'
                "  Contrast('a', 'b')"
            ),
        ),
        ("import sys\nsys.exit('bye')", "study.py:2 fails with SystemExit: bye\n  sys.exit('bye')"),
        ("def f():\n    raise KeyError\nf()", "study.py:2 fails with KeyError\n  raise KeyError"),
    ],
)
def test_a_file_that_gives_no_study_says_why(load: Callable[[str], Study], text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load(text)

    assert str(caught.value) == message


def test_what_a_file_prints_is_kept_out_of_a_commands_result(
    load: Callable[[str], Study], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StudyError):
        load("print('hello')\nstudy = 3")

    assert capsys.readouterr() == ("", "hello\n")


def test_a_missing_file_gets_the_nearest_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StudyError, match=r"love\.py\. To make one, run: rater new experiments/love$"):
        load_study(Path("experiments/love.py"))

    Path("experiments").mkdir()
    Path("experiments/love_vs_hate.py").touch()
    with pytest.raises(StudyError) as caught:
        load_study(Path("experiments/love_vs_hat.py"))
    assert str(caught.value) == (
        "There is no study file experiments/love_vs_hat.py. Did you mean 'experiments/love_vs_hate.py'?"
    )

    with pytest.raises(StudyError) as caught:
        load_study(Path("experiments"))
    assert str(caught.value) == (
        "experiments is a folder; name a study file, such as experiments/love_vs_hate.py."
    )

    Path("mine.py").touch()
    with pytest.raises(StudyError, match=r"^There is no study file mine\. Did you mean 'mine\.py'\?$"):
        load_study(Path("mine"))


def test_the_hash_covers_the_contents_of_the_files_next_to_the_study(load: Callable[[str], Study]) -> None:
    arms = "arms=[Unsteered(), ExternalCompletions(path='t.csv')]"
    text = f"{_BEGINNING}study = study_with({arms}, sampling=Sampling(samples_per_prompt=1))"
    Path("t.csv").write_text("prompt,arm,text\na,external, x\nb,external, y\n")
    before = load(text)
    Path("t.csv").write_text("prompt,arm,text\na,external, x\nb,external, z\n")
    after = load(text)

    assert after.changes_from(before.canonical_json()) == ["arms[1].sha256"]


def test_a_file_next_to_the_study_that_does_not_fit_it_is_refused(load: Callable[[str], Study]) -> None:
    Path("t.csv").write_text("prompt,arm,text\na,external, x\n")

    with pytest.raises(
        StudyError, match=r"t\.csv has no text of arm 'external' for prompts\[0\] 'a', sample 1"
    ):
        load(f"{_BEGINNING}study = study_with(arms=[Unsteered(), ExternalCompletions(path='t.csv')])")
