"""Say in words what a study declares of its analysis; names arms, so it is for the experimenter alone."""

from collections.abc import Mapping

from rater.study.arms import Unsteered
from rater.study.study import Study


def dose_levels(study: Study) -> Mapping[str, float]:
    """List the dose of each arm that has one; one dose alone, such as an unsteered arm's 0, is no series."""
    doses = {arm.name: arm.dose for arm in study.arms if arm.dose is not None}
    return doses if len(set(doses.values())) > 1 else {}


def describe_doses(study: Study) -> str:
    """List the arms of the dose series from the lowest dose on; empty where there is none."""
    levels = sorted(dose_levels(study).items(), key=lambda level: level[1])
    return ", ".join(f"{arm} {dose:g}" for arm, dose in levels)


def describe_contrast(first: str, second: str, name: str) -> str:
    """Name a comparison by its arms, and by what the study calls it."""
    arms = f"{first} − {second}"
    return arms if name == arms else f"{arms} (“{name}”)"


def describe_control(study: Study) -> str:
    """Return the reason why the study's control is the control."""
    if any(isinstance(arm, Unsteered) and arm.name == study.control for arm in study.arms):
        return "the unsteered arm"
    return "the second arm of the contrast, since no arm is unsteered"


def describe_guessing(study: Study) -> str:
    """Say what raters are asked about the arms after the last trial; empty where they are not."""
    asked = study.blinding
    if asked is None:
        return ""
    about = f"about {asked.n_texts} texts" if asked.n_texts else "about all texts at once"
    meant = ", ".join(study.changed_arms)
    return f'after the last trial, {about}: "{asked.question}" “{asked.labels[0]}” is right for {meant}'
