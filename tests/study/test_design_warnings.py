from pathlib import Path

import pytest

from rater.study.design_warnings import remarks
from rater.study.load import load_study

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
    ("more", "said"),
    [
        ("reassign_after_hours=None", []),
        (f"{PAID}recruitment=PROLIFIC, reassign_after_hours=4", []),
        (f"{PAID}recruitment=PROLIFIC", ["recruitment is set but reassign_after_hours is not"]),
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
    tmp_path: Path, more: str, said: list[str]
) -> None:
    path = tmp_path / "study.py"
    path.write_text(VISIT.format(more=more))

    found = list(remarks(load_study(path), path))

    assert len(found) == len(said), found
    assert all(remark.startswith(beginning) for remark, beginning in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("prompts", "coeff", "raters", "said"),
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
    tmp_path: Path, prompts: str, coeff: int, raters: int, said: list[str]
) -> None:
    path = tmp_path / "study.py"
    path.write_text(STUDY.format(prompts=prompts, coeff=coeff, raters=raters, samples=1))

    found = list(remarks(load_study(path), path))

    assert len(found) == len(said)
    assert all(remark.startswith(beginning) for remark, beginning in zip(found, said, strict=True))


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
