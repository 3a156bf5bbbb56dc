"""Turn what a study declared into what its analysis takes."""

from rater.analysis.planned import ArmFacts, Planned, plan_analysis
from rater.study.arms import RandomVector, Steered
from rater.study.study import Study


def plan_of(study: Study) -> Planned:
    """Fill in the study's analysis plan: contrast, arms, doses, raters, and a seed from the study's hash."""
    doses = {arm.name: arm.dose for arm in study.arms if arm.dose is not None}
    return plan_analysis(
        study.analysis,
        study.dimensions,
        contrast=study.contrast,
        arms=ArmFacts(
            # One dose alone, such as the 0 of an unsteered arm, is no series.
            doses=doses if len(set(doses.values())) > 1 else {},
            random_controls=tuple(
                arm.name
                for arm in study.arms
                if isinstance(arm, Steered) and all(isinstance(each, RandomVector) for each in arm.additions)
            ),
            changed=study.changed_arms,
        ),
        n_raters=study.n_raters,
        seed=int(study.hash[:16], 16),
    )
