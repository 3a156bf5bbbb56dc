"""Check studies against what a model's configuration says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rater import DatasetVector, RandomVector, ShownField, Steered, Unsteered, XVector
from rater.errors import StudyError
from rater.study.additions import ActivationAddition, AnyAddition, VectorFile
from rater.study.load import load_study
from rater.study.study import Study
from rater.study.study_checks import remarks, require_effects, require_hook_points, require_vector_files
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


STUDY = """\
from rater import *

study = Study(
    name="n", title="t", consent="Take part" "?", instructions="i",
    dimensions=[Dimension(name="d", question="q", scale=Likert(low="l", high="h"))],
    prompts=[{prompts}],
    arms=[Unsteered(), Steered(additions=[XVector("L", "H", coeff={coeff}, at=6)])],
    plan=Plan(raters={raters}), sampling=Sampling(samples_per_prompt={samples}),
)
"""
JOINED = "The prompt 'I hate youThe rain' is written as two strings without a space between them"


VISIT = """\
from rater import CLOUDRESEARCH, MTURK, PROLIFIC, Dimension, Ending, Endings, Likert, Recruitment, Study
from rater import Plan, Steered, Unsteered, XVector

study = Study(
    name="n", title="t", consent="c" * 57, instructions="i",
    dimensions=[Dimension(name="d", question="q", scale=Likert(low="l", high="h"))],
    prompts=["I hate you", "The rain"], plan=Plan(raters=4),
    arms=[Unsteered(), Steered(additions=[XVector("L", "H", coeff=5, at=6)])],
    {more}
)
"""
PAID = "endings=Endings(finished=Ending(code='DONE')), "


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("reassign_after_hours=None", []),
        (f"{PAID}recruitment=PROLIFIC, reassign_after_hours=4", []),
        (f"{PAID}recruitment=PROLIFIC", []),
        (
            "recruitment=CLOUDRESEARCH, reassign_after_hours=4",
            ["recruitment is set but endings.finished has"],
        ),
        (
            f"{PAID}recruitment=MTURK, reassign_after_hours=4",
            ["Mechanical Turk adds workerId only to an ExternalQuestion"],
        ),
        (f"{PAID}recruitment=Recruitment(participant_id='survey_code'), reassign_after_hours=4", []),
        ("minutes=1", []),
        ("minutes=30", ["minutes is 30, but the estimated duration of a session"]),
    ],
)
def test_what_strands_raters_of_a_recruitment_site_is_remarked_on(
    tmp_path: Path, more: str, expected: list[str]
) -> None:
    path = tmp_path / "study.py"
    path.write_text(VISIT.format(more=more))

    found = list(remarks(load_study(path), path))

    assert len(found) == len(expected), found
    assert all(remark.startswith(beginning) for remark, beginning in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("prompts", "coeff", "raters", "expected"),
    [
        ('"I hate you", "The rain"', 5, 2, []),
        ('"I hate you "\n        "because", "The rain"', 5, 2, []),
        ('"I hate you"  # the first\n        "The rain", "It"', 5, 2, [JOINED]),
        ('"I hate you", "The rain"', 0, 2, ["arms[1].additions[0].coeff is 0, so it adds nothing."]),
        ('"The rain"', 5, 2, ["There is only one prompt"]),
        ('"I hate you", "The rain"', 5, 1, ["There is only one rater"]),
    ],
    ids=[
        "fine",
        "a long prompt in two lines",
        "a comma forgotten",
        "nothing added",
        "one prompt",
        "one rater",
    ],
)
def test_what_is_perhaps_a_slip_is_remarked_on(
    tmp_path: Path, prompts: str, coeff: int, raters: int, expected: list[str]
) -> None:
    path = tmp_path / "study.py"
    path.write_text(STUDY.format(prompts=prompts, coeff=coeff, raters=raters, samples=1))

    found = list(remarks(load_study(path), path))

    assert len(found) == len(expected)
    assert all(remark.startswith(beginning) for remark, beginning in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        (
            "sampling=Sampling(temperature=0, samples_per_prompt=2)",
            "sampling.temperature is 0 (greedy decoding), so all 2",
        ),
        (
            "sampling=Sampling(top_k=1, samples_per_prompt=3)",
            "sampling.top_k is 1 (greedy decoding), so all 3 samples",
        ),
        (
            "arms=[Steered(additions=[XVector('L', 'H', relative=0, at=6)]), Unsteered()]",
            "arms[0].additions[0].relative is 0, so it adds nothing.",
        ),
        (
            "arms=[Steered(additions=[RandomVector(XVector('L', 'H', coeff=0, at=6))]), Unsteered()]",
            "arms[0].additions[0].like has strength 0, so it adds nothing.",
        ),
        (
            "arms=[Unsteered(), Unsteered(name='again')]",
            "The arms unsteered and again have the same declaration, so their texts are identical.",
        ),
    ],
)
def test_texts_that_come_out_equal_are_remarked_on(tmp_path: Path, changes: str, remark: str) -> None:
    path = tmp_path / "study.py"
    written = STUDY.format(prompts='"I hate you", "The rain"', coeff=5, raters=2, samples=1)
    path.write_text(f"{written}\nstudy = Study.model_validate({{**dict(study), **dict({changes})}})\n")

    found = list(remarks(load_study(path), path))

    assert any(each.startswith(remark) for each in found), found


@pytest.mark.parametrize(
    ("prompts", "samples", "remark"),
    [
        ('"I hate you ", "The rain"', 1, "prompts[0] ends in a space"),
        ('"I hate you", "The rain"', 1000, "at least 100% of them will never be rated"),
    ],
)
def test_prompts_that_end_in_a_space_and_texts_that_nobody_rates_are_warned_of(
    tmp_path: Path, prompts: str, samples: int, remark: str
) -> None:
    path = tmp_path / "study.py"
    path.write_text(STUDY.format(prompts=prompts, coeff=5, raters=2, samples=samples))

    assert any(remark in each for each in remarks(load_study(path), path))


def test_a_page_that_shows_the_correct_label_is_named() -> None:
    path = Path(__file__).resolve().parents[2] / "experiments" / "which_concept.py"
    study = load_study(path)
    question = study.dimensions[0].model_copy(update={"question": "Is it {concept}, or something else?"})
    shown = ShownField(name="concept", label="Concept")

    given_away = study.model_copy(update={"dimensions": (question,), "shown_fields": (shown,)})

    assert list(remarks(study, path)) == []
    assert list(remarks(given_away, path)) == [
        "shown_fields[0] shows the concept of each text, which is the correct answer.",
        "dimensions[0].question names the concept of each text, which is the correct answer to concept.",
    ]
