import math

import pytest

from rater import ActivationAddition, Steered, XVector, concept_dose_series, dose_series, random_control
from rater.study.arms import (
    Arm,
    ExternalCompletions,
    OtherModel,
    RandomVector,
    Unsteered,
    models_needed,
)


def test_the_unsteered_arm_is_dose_0_and_others_have_none() -> None:
    assert (Unsteered().dose, Steered(additions=[XVector("L", "H", coeff=5, at=6)]).dose) == (0.0, None)
    assert Unsteered.model_validate(Unsteered(dose=None).model_dump()).dose is None


def test_each_model_is_needed_once_and_files_need_none() -> None:
    arms: list[Arm] = [
        OtherModel(model="b"),
        ExternalCompletions(path="t.csv"),
        Unsteered(),
        OtherModel(name="again", model="b"),
    ]

    assert models_needed(arms, "a") == ["a", "b"]
    assert models_needed(arms[:2], "a") == ["b"]
    assert models_needed(arms[1:2], "a") == []


LOVE = XVector("Love", "Hate", coeff=5, at=6)


def test_a_dose_is_the_coefficient_of_its_arm() -> None:
    weak, strong, against = dose_series(LOVE, doses=(2, 7.5, -3))

    assert [arm.name for arm in (weak, strong, against)] == ["dose-2", "dose-7_5", "dose-minus3"]
    assert [arm.dose for arm in (weak, strong, against)] == [2.0, 7.5, -3.0]
    assert strong == Steered(name="dose-7_5", additions=(XVector("Love", "Hate", coeff=7.5, at=6),), dose=7.5)


def test_several_additions_keep_their_proportions() -> None:
    pair = (ActivationAddition(4, 6, "Love"), ActivationAddition(-2, 6, "Hate"))

    [arm] = dose_series(pair, doses=(10,), name="love")

    assert arm.name == "love-10"
    assert arm.additions == (ActivationAddition(10, 6, "Love"), ActivationAddition(-5, 6, "Hate"))


def test_a_dose_of_a_relative_addition_is_its_share_of_the_residual_norm() -> None:
    [arm] = dose_series(XVector("Love", "Hate", relative=1, at=6), doses=(0.5,))

    assert arm.additions == (XVector("Love", "Hate", relative=0.5, at=6),)


@pytest.mark.parametrize("doses", [(), (1, 1), (0, 1), (float("inf"),), (True,)])
def test_doses_that_make_no_series_are_refused(doses: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="doses"):
        dose_series(LOVE, doses=doses)


def test_a_dose_of_concepts_is_the_factor_on_the_additions_of_each() -> None:
    series = concept_dose_series((0.05, 0.25), name="style")

    assert [(arm.name, arm.coeff, arm.dose) for arm in series] == [
        ("style-0_05", 0.05, 0.05),
        ("style-0_25", 0.25, 0.25),
    ]


@pytest.mark.parametrize("doses", [(), (0.0, 1.0), (1.0, 1.0), (math.inf,)])
def test_doses_of_concepts_that_make_no_series_are_refused(doses: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="doses"):
        concept_dose_series(doses)


def test_nothing_has_no_dose() -> None:
    with pytest.raises(ValueError, match="strength 0"):
        dose_series(XVector("Love", "Hate", coeff=0, at=6), doses=(1,))


def test_the_control_of_an_arm_is_as_long_as_the_arms_sum() -> None:
    pair = (ActivationAddition(5, 6, "Love"), ActivationAddition(-5, 6, "Hate"))
    arm = Steered(name="love", additions=pair)

    assert random_control(arm, seed=3) == Steered(name="love-random", additions=(RandomVector(pair, seed=3),))


def test_additions_to_other_dimensions_get_directions_of_their_own() -> None:
    part = XVector("Love", "Hate", coeff=5, at=6, dims=(0, 10))
    control = random_control(Steered(name="love", additions=(LOVE, part)), seed=3, name="control")

    assert control.additions == (RandomVector(LOVE, seed=3), RandomVector(part, seed=4))
    assert control.name == "control"


def test_a_control_of_a_control_is_refused() -> None:
    control = random_control(Steered(additions=(LOVE,)))

    with pytest.raises(ValueError, match="'steered-random' adds a random direction, so"):
        random_control(control)
