"""Turn what a study declared into what its analysis takes."""

from rater.analysis.planned import ArmFacts, Planned, plan_analysis
from rater.study.arms import RandomVector, Steered
from rater.study.describe_analysis import dose_levels
from rater.study.study import Study


def plan_of(study: Study) -> Planned:
    """Fill in the study's analysis plan: contrast, arms, doses, raters, and a seed from the study's hash."""
    return plan_analysis(
        study.analysis,
        study.dimensions,
        contrast=study.contrast,
        arms=ArmFacts(
            control=study.control,
            doses=dose_levels(study),
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
