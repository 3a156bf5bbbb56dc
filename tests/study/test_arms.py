import pytest

from rater import ActivationAddition, Steered, XVector, dose_series, random_control
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
