from collections.abc import Mapping

from rater.analysis.difference_units import PERCENTAGE_POINTS
from rater.report.console.power import describe_power
from rater.sample_size import power_as_planned, unit_of
from rater.study.study import Study

PAIRWISE = {"kind": "pairwise", "tie": "Neither"}


def changed(study: Study, **fields: object) -> Study:
    return Study.model_validate({**study.model_dump(), **fields})


def asking(study: Study, scale: Mapping[str, object]) -> Study:
    return changed(study, dimensions=[{"name": "d", "question": "Well?", "scale": scale}])


def test_choices_are_described_in_percentage_points(study: Study) -> None:
    found = power_as_planned(asking(study, PAIRWISE), 0.25, n_simulations=50)

    assert describe_power(found, 0.25, unit=PERCENTAGE_POINTS).startswith(
        "the power to detect a difference of 25 percentage points is"
    )


def test_odd_texts_found_are_described_with_d_prime(study: Study) -> None:
    declared = asking(study, {"kind": "odd_one_out"})
    found = power_as_planned(declared, 0.27, n_simulations=50)

    assert describe_power(found, 0.27, unit=unit_of(declared)).startswith(
        "the power if 60% of odd texts are found (33% by guessing, d' 1.99) is"
    )
