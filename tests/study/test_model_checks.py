"""Check studies against what a model's configuration says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rater import DatasetVector, RandomVector, Steered, Unsteered, XVector
from rater.errors import StudyError
from rater.study.additions import ActivationAddition, AnyAddition, VectorFile
from rater.study.model_checks import require_effects, require_hook_points, require_vector_files
from rater.study.study import Study
from tests.cli.command import run


def with_additions(study: Study, *additions: dict[str, Any]) -> Study:
    arms = [{"kind": "unsteered"}, {"kind": "steered", "name": "love", "additions": additions}]
    return Study.model_validate({**study.model_dump(), "arms": arms})


def at(act_name: int | str) -> dict[str, Any]:
    return {"prompt": "Love", "coeff": 1, "act_name": act_name}


def test_a_layer_that_the_model_lacks_is_named_with_its_place_and_arm(study: Study) -> None:
    with pytest.raises(StudyError, match=r"layers 0 to 11") as caught:
        require_hook_points(study, 12)

    assert "arms[1].additions[0].at (arm 'walrus-arm'): 17 does not exist" in str(caught.value)


def test_a_hook_point_of_a_block_that_the_model_lacks_is_named(study: Study) -> None:
    deep = with_additions(study, at("blocks.30.hook_resid_post"))

    with pytest.raises(StudyError, match=r"'blocks\.30\.hook_resid_post' does not exist; .* layers 0 to 29"):
        require_hook_points(deep, 30)


def test_a_layer_of_what_a_random_vector_is_like_is_checked_too(study: Study) -> None:
    deep = with_additions(study, {"like": [at(3), at(30)]})

    with pytest.raises(StudyError, match=r"additions\[0\]\.like\[1\]\.act_name .* layers 0 to 29"):
        require_hook_points(deep, 30)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("blocks.12.hook_resid_prev", "Did you mean 'blocks.12.hook_resid_pre'?"),
        ("blocks.12.hook_resid_pre ", "Did you mean 'blocks.12.hook_resid_pre'?"),
        ("block.12.hook_mlp_out", "Did you mean 'blocks.6.hook_mlp_out'?"),
        ("blocks.12.attn.hook_q", "Did you mean 'blocks.12.hook_"),
        ("layers.3", "Valid: blocks.6.hook_attn_out"),
    ],
)
def test_a_hook_point_that_no_model_has_is_refused_before_the_model_is_known(
    study: Study, name: str, suggestion: str
) -> None:
    misspelt = with_additions(study, at(name))

    with pytest.raises(StudyError, match="is not a hook point") as caught:
        require_hook_points(misspelt, None)

    assert suggestion in str(caught.value)


def test_layers_and_hook_points_that_are_there_pass(study: Study) -> None:
    require_hook_points(study, 30)
    require_hook_points(with_additions(study, at("hook_embed"), at("blocks.29.hook_attn_out"), at(29)), 30)


def test_a_vector_file_that_is_missing_or_changed_is_refused_with_its_place(
    study: Study, tmp_path: Path
) -> None:
    file = tmp_path / "love.safetensors"
    named = {"path": str(file), "coeff": 1, "sha256": "0" * 64}
    steered = with_additions(study, at(3), {"like": named})

    with pytest.raises(StudyError, match=r"additions\[1\]\.path \(arm 'love'\): .* cannot be read"):
        require_vector_files(steered)

    file.write_bytes(b"other numbers")
    with pytest.raises(StudyError, match=r"but the study declares 0{64}"):
        require_vector_files(steered)


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
    assert "its texts would equal unsteered ones" in " ".join(done.stderr.split())
    assert not (tmp_path / "rater-data").exists()
