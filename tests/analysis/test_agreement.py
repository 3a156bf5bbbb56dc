from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.agreement import (
    Agreement,
    Pairing,
    krippendorff_alpha,
    mean_pairwise_kappa,
    measure_agreement,
    ordinal,
)
from rater.analysis.intervals import BootstrapDraws
from rater.analysis.quality import first_judgements
from rater.analysis.results import Estimate, NotEstimable, Quantity
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]


def measure(frame: pd.DataFrame, points: Sequence[float] = range(1, 6)) -> Agreement:
    found = measure_agreement(frame, "happiness", points, alpha=0.05, rng=np.random.default_rng(3))
    assert isinstance(found, Agreement), found
    return found


def made(quantity: Quantity) -> Estimate:
    assert isinstance(quantity, Estimate), quantity
    return quantity


def ends(quantity: Quantity) -> tuple[float, float]:
    interval = made(quantity).interval
    assert interval is not None
    return interval.low, interval.high


def answers(**given: list[float | None]) -> pd.DataFrame:
    """A frame from one list of answers for each rater; None is not answered."""
    rows = [
        {"rater": rater, "item": f"i{number}", "prompt": f"i{number}", "arm": "x", "answer": answer}
        for rater, values in given.items()
        for number, answer in enumerate(values)
        if answer is not None
    ]
    return pd.DataFrame(rows).assign(dimension="happiness")


@pytest.mark.parametrize("letter", ["a", "c"])
def test_krippendorffs_alpha_is_that_of_the_reference(
    load: Load, reference: dict[str, Any], letter: str
) -> None:
    ours = measure(load(letter))

    theirs = reference[letter]["agreement"]
    for kind in ("ordinal", "interval", "nominal"):
        alpha = made(getattr(ours, f"krippendorff_{kind}"))
        assert alpha.estimate == pytest.approx(theirs[f"krippendorff_alpha_{kind}"], abs=1e-9)


def test_krippendorffs_own_example_with_missing_answers_gives_his_numbers() -> None:
    """Krippendorff 2011, section C: 4 observers, 12 units, nominal .743, ordinal .815, interval .849."""
    found = measure(
        answers(
            a=[1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
            b=[1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
            c=[None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
            d=[1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
        )
    )

    assert made(found.krippendorff_nominal).estimate == pytest.approx(0.743, abs=5e-4)
    assert made(found.krippendorff_ordinal).estimate == pytest.approx(0.815, abs=5e-4)
    assert made(found.krippendorff_interval).estimate == pytest.approx(0.849, abs=5e-4)


def test_gwets_ac2_is_that_of_the_reference(load: Load, reference: dict[str, Any]) -> None:
    ours = made(measure(load("a")).ac2)

    theirs = reference["a"]["agreement"]["weighted_multi_quadratic"]["gwet_AC2"]
    assert ours.estimate == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("letter", ["a", "c"])
def test_mean_pairwise_kappa_is_that_of_the_reference(
    load: Load, reference: dict[str, Any], letter: str
) -> None:
    ours = made(measure(load(letter)).kappa)

    theirs = reference[letter]["agreement"]["mean_pairwise_kappa"]["quadratic"]
    assert ours.estimate == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("letter", ["a", "c"])
def test_kappa_of_every_pair_is_that_of_the_reference(
    load: Load, reference: dict[str, Any], letter: str
) -> None:
    judged = first_judgements(load(letter), "happiness", range(1, 6))
    table = judged.table()

    for pair in reference[letter]["agreement"]["pairwise_kappa"]:
        two = table[[judged.raters.index(pair["a"]), judged.raters.index(pair["b"])]]
        ours = mean_pairwise_kappa(two, np.ones((1, 2)), np.ones((1, two.shape[1])))
        assert ours[0] == pytest.approx(pair["quadratic"], abs=1e-9)


def test_agreement_within_an_arm_leaves_the_effect_out(load: Load) -> None:
    """A difference between arms that all see raises agreement, and not that within an arm."""
    shift = {"steered": 3.0, "unsteered": 0.0}
    frame = load("a").assign(answer=lambda rows: rows["answer"].clip(1, 2) + rows["arm"].map(shift))

    found = measure(frame)

    assert made(found.krippendorff_ordinal).estimate > 0.7
    assert [arm for arm, _ in found.krippendorff_by_arm] == ["steered", "unsteered"]
    assert all(made(alpha).estimate < 0.2 for _, alpha in found.krippendorff_by_arm)


def test_shares_of_the_points_are_reported_with_the_coefficients(load: Load) -> None:
    frame = load("e").assign(answer=[1.0] * 27 + [3.0] * 3)

    assert measure(frame).shares == ((1.0, 0.9), (2.0, 0.0), (3.0, 0.1), (4.0, 0.0), (5.0, 0.0))


def test_intervals_hold_the_estimate_and_are_the_same_each_time(load: Load) -> None:
    one, other = measure(load("a")), measure(load("a"))

    low, high = ends(one.krippendorff_ordinal)
    assert low < made(one.krippendorff_ordinal).estimate < high
    assert one == other


def test_a_rater_drawn_twice_never_agrees_with_their_own_copy() -> None:
    """Raters who never agree: if copies were paired, drawing one of them twice would look like agreement."""
    judged = first_judgements(answers(a=[1, 5, 1, 5], b=[5, 1, 5, 1]), "happiness", range(1, 6))

    pairs = Pairing(judged).count(BootstrapDraws(np.array([[3.0, 1.0]]), np.ones((1, 4))))

    assert pairs.coincidences[0].diagonal().sum() == 0.0
    assert pairs.coincidences[0].sum() == pytest.approx(4 * 4)  # each of 4 items counts 3 + 1 answers
    assert pairs.agreement[0].sum() == pytest.approx(1.0)
    assert krippendorff_alpha(pairs, ordinal)[0] < 0


def test_raters_who_always_agree_have_coefficients_of_one() -> None:
    found = measure(answers(a=[1, 3, 5, 2], b=[1, 3, 5, 2], c=[1, 3, 5, 2]))

    for quantity in (found.krippendorff_ordinal, found.krippendorff_nominal, found.kappa, found.ac2):
        assert made(quantity).estimate == pytest.approx(1.0)
    assert isinstance(found.icc_single, NotEstimable)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (answers(a=[1, 3, 5]), "there is only 1 rater"),
        (answers(a=[2, 2], b=[2, 2]), "all 4 answers are the same (2)"),
        (answers(a=[2, None], b=[None, 4]), "no text was answered by two raters"),
    ],
)
def test_agreement_that_is_not_estimable_has_a_reason(frame: pd.DataFrame, reason: str) -> None:
    found = measure(frame)

    assert isinstance(found.krippendorff_ordinal, NotEstimable)
    assert found.krippendorff_ordinal.reason == reason
    assert isinstance(found.kappa, NotEstimable)
    assert found.kappa.reason == reason


def test_a_slider_has_agreement_too() -> None:
    found = measure(answers(a=[10.5, 80, 42.25, 3], b=[12, 75.5, 50, 1]), points=())

    assert made(found.krippendorff_interval).estimate > 0.9
    assert len(found.shares) == 8


def test_the_first_of_two_answers_to_a_text_is_taken() -> None:
    frame = answers(a=[1, 4]).assign(position=[1, 2])
    twice = pd.concat([frame.assign(position=[5, 6], answer=[3.0, 3.0]), frame])

    judged = first_judgements(twice, "happiness", range(1, 6))

    assert judged.answer.tolist() == [1.0, 4.0]


def test_two_answers_to_a_text_without_an_order_are_refused_for_agreement_only() -> None:
    frame = answers(a=[1, 4], b=[2, 5])
    twice = pd.concat([frame, frame])

    found = measure_agreement(twice, "happiness", range(1, 6), alpha=0.05, rng=np.random.default_rng(0))

    assert isinstance(found, NotEstimable)
    assert found.reason.startswith("rater a answered item i0 more than once, and no column 'position'")
    with pytest.raises(RaterError, match="more than once"):
        first_judgements(twice, "happiness", range(1, 6))


def test_many_raters_are_drawn_for_kappa() -> None:
    rng = np.random.default_rng(1)
    frame = answers(
        **{f"r{number:03}": rng.integers(1, 6, 4).astype(float).tolist() for number in range(120)}
    )

    kappa = made(measure(frame).kappa)

    assert "among 100 raters drawn at random" in kappa.estimand


@pytest.mark.parametrize(
    ("given", "single", "mean"),
    [
        (
            {"a": [1, 2], "b": [2, 1]},
            "neither texts nor raters differ",
            "neither texts nor raters differ",
        ),
        ({"a": [1, 2, 3], "b": [2, 3, 1], "c": [3, 1, 2]}, None, "texts differ less than"),
        ({"a": [-1, 1, 1], "b": [1, -1, 1], "c": [-1, -1, -1]}, None, None),
    ],
    ids=["two by two", "latin square", "one rater apart"],
)
def test_raters_who_always_disagree_give_a_reason_or_a_number(
    given: dict[str, list[float | None]], single: str | None, mean: str | None
) -> None:
    found = measure(answers(**given), points=())

    for coefficient, reason in ((found.icc_single, single), (found.icc_mean, mean)):
        assert isinstance(coefficient, NotEstimable) == (reason is not None)
        assert reason is None or (isinstance(coefficient, NotEstimable) and reason in coefficient.reason)
