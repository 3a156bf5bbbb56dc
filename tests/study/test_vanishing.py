"""What is zero whatever the model is refused before the model is loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rater import DatasetVector, RandomVector, Steered, Study, Unsteered, XVector
from rater.errors import StudyError
from rater.study.additions import ActivationAddition, AnyAddition, VectorFile
from rater.study.vanishing import require_effects
from tests.cli.command import run

LOVE = XVector("Love", "Hate", coeff=12, at=2)
TEXTS = ("I love this.", "Good day.")
Declare = Callable[..., Study]


def steered(declare: Declare, *additions: AnyAddition) -> Study:
    return declare(arms=[Unsteered(), Steered(name="x", additions=additions)])


@pytest.mark.parametrize(
    ("additions", "says"),
    [
        ([XVector("Love", "Love", coeff=12, at=2)], "prompt1 and prompt2 are both 'Love'"),
        ([LOVE, XVector("Love", "Love", relative=1, at=2)], r"additions\[1\].*adds nothing"),
        (
            [DatasetVector(positive=TEXTS, negative=TEXTS[::-1], at=12, coeff=3, when="all")],
            "positive and negative are the same texts",
        ),
        ([RandomVector(XVector("Love", "Love", coeff=12, at=2))], r"additions\[0\]\.like \(arm 'x'\)"),
        ([LOVE, XVector("Hate", "Love", coeff=12, at="blocks.2.hook_resid_pre")], "cancel each other"),
        ([LOVE, XVector("Love", "Hate", coeff=-12, at=2)], "cancel each other"),
        (
            [XVector("Love", "Hate", relative=0.5, at=2), XVector("Hate", "Love", relative=0.5, at=2)],
            "cancel each other",
        ),
        ([ActivationAddition(3, 6, "Love"), ActivationAddition(-3, 6, "Love")], "cancel each other"),
        ([VectorFile("v.gguf", coeff=2), VectorFile("v.gguf", coeff=-2)], "cancel each other"),
    ],
)
def test_an_arm_that_adds_nothing_is_refused(
    declare: Declare, additions: list[AnyAddition], says: str
) -> None:
    with pytest.raises(StudyError, match=says):
        require_effects(steered(declare, *additions))


@pytest.mark.parametrize(
    "additions",
    [
        [LOVE],
        [XVector("Love", "Hate", coeff=0, at=2)],
        [LOVE, XVector("Hate", "Love", coeff=11, at=2)],
        [LOVE, XVector("Hate", "Love", coeff=12, at=3)],
        [LOVE, XVector("Hate", "Love", coeff=12, at=2, when="all", read="mean")],
        [LOVE, XVector("Hate", "Love", relative=12, at=2)],
        [RandomVector(LOVE), RandomVector(XVector("Hate", "Love", coeff=12, at=2))],
        [DatasetVector(positive=TEXTS, negative=("Bad day.",), at=12, coeff=3, when="all")],
    ],
)
def test_an_arm_that_may_add_something_is_taken(declare: Declare, additions: list[AnyAddition]) -> None:
    require_effects(steered(declare, *additions))


@pytest.mark.parametrize(
    "additions",
    [
        'XVector("Love", "Love", coeff=12, at=2),',
        'DatasetVector(positive=["Yes", "No"], negative=["No", "Yes"], at=12, coeff=3, when="all"),',
        'XVector("Love", "Hate", coeff=12, at=2), XVector("Hate", "Love", coeff=12, at=2),',
    ],
    ids=["zero", "same sets", "cancelling"],
)
@pytest.mark.parametrize("command", ["check", "generate"])
def test_the_commands_refuse_before_any_model_is_loaded(tmp_path: Path, command: str, additions: str) -> None:
    file = tmp_path / "study.py"
    file.write_text(
        "from rater import *\n"
        'study = Study(name="s", title="t", consent="c", instructions="i", prompts=("I hate you because",),\n'
        '    dimensions=(Dimension(name="joy", question="?", scale=Likert(low="not", high="very")),),\n'
        f'    arms=(Unsteered(), Steered(name="x", additions=({additions}))), plan=Plan(raters=3))\n'
    )

    done = run(command, file, cwd=tmp_path)

    assert done.returncode == 2
    assert "so that every text would be an unsteered one" in " ".join(done.stderr.split())
    assert not (tmp_path / "rater-data").exists()
