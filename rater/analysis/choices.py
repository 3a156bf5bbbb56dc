"""Choices among labels: proportions of target choices, d', confusion matrices, and biases of raters.

An answer is scored 1 if the target of the text was chosen, else 0. "None of these" is never the target. The
primary test compares this score between two arms. Here each arm is compared with guessing, which chooses the
target with probability 1/k among k options. With "none of these", raters who guess are below that.

The tables of frequencies are of single answers, without tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.answer_scale import Judged
from rater.analysis.crossed_proportion import crossed_proportion
from rater.analysis.d_prime import DPrime, d_prime_with_interval
from rater.analysis.plan import Planned
from rater.analysis.results import Counts, Estimate, NotEstimable, Quantity
from rater.study.label_choice import NONE_VALUE, SEPARATOR, TargetScore

CHOSEN, TARGET, OPTIONS = "chosen", "target", "options"
"""Columns of a frame: the label that was chosen, the label that is correct, and the labels in the order
shown, separated by `SEPARATOR`."""


@dataclass(frozen=True, kw_only=True)
class Identification:
    """The frequency with which the target was chosen for the texts of one arm."""

    arm: str
    dose: float | None
    n: int
    n_correct: int
    proportion: Quantity
    """Over raters and prompts (and concepts), with its interval; p against chance is in the settings."""
    d_prime: DPrime


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Counts of the labels chosen, by target."""

    name: str
    """The arm, or the dose."""
    dose: float | None
    targets: tuple[str, ...]
    """The rows."""
    chosen: tuple[str, ...]
    """The columns: all options, then "none of these"."""
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ChoiceShare:
    """The frequency with which an option, or a place on the page, was chosen over all arms."""

    name: str
    n_chosen: int
    n: int
    """The number of answers that could choose it."""
    n_target: int | None = None
    """The number of answers to texts with this target; None for a place."""

    @property
    def share(self) -> float:
        """The share of the answers."""
        return self.n_chosen / self.n


@dataclass(frozen=True, kw_only=True)
class LabelChoices:
    """The choices among labels on one dimension."""

    options: tuple[str, ...]
    none: str | None
    chance: float
    arms: tuple[Identification, ...]
    by_arm: tuple[ConfusionMatrix, ...]
    by_dose: tuple[ConfusionMatrix, ...]
    """Arms with the same dose together, without random controls; empty if no two arms have one dose."""
    labels: tuple[ChoiceShare, ...]
    """The bias towards labels."""
    places: tuple[ChoiceShare, ...]
    """The bias towards places in the order shown, without "none of these"; empty if the order is unknown."""


def label_choices(
    frame: pd.DataFrame, judged: Judged, planned: Planned
) -> LabelChoices | NotEstimable | None:
    """Describe the choices among labels on a dimension; None on another scale. Costs a test for each arm."""
    scale = judged.scale
    if not isinstance(scale, TargetScore):
        return None
    rows = frame[frame["dimension"] == judged.name]
    missing = next((name for name in (CHOSEN, TARGET) if name not in rows.columns), None)
    if missing is not None or rows.empty:
        reason = "there are no answers" if missing is None else f"there is no column {missing!r}"
        n = Counts(raters=0, prompts=0, items=0, answers=len(rows), cells=0)
        return NotEstimable(test="choices among labels", score="answers", reason=reason, n=n)
    arms = _arms_in_order(rows, planned)
    return LabelChoices(
        options=scale.options,
        none=scale.none,
        chance=scale.chance,
        arms=tuple(_identify(rows[rows["arm"] == arm], arm, scale, planned) for arm in arms),
        by_arm=tuple(_confuse(rows[rows["arm"] == arm], arm, planned.doses.get(arm), scale) for arm in arms),
        by_dose=_confuse_by_dose(rows, arms, scale, planned),
        labels=_label_shares(rows, scale),
        places=_place_shares(rows, scale),
    )


def _arms_in_order(rows: pd.DataFrame, planned: Planned) -> list[str]:
    """Return the arms by dose, those without one last; of equal ones the contrast first."""
    contrast = [arm for arm in planned.contrast if arm in set(rows["arm"])]
    others = sorted(set(rows["arm"]) - set(contrast))
    return sorted([*contrast, *others], key=lambda arm: planned.doses.get(arm, float("inf")))


def _identify(rows: pd.DataFrame, arm: str, scale: TargetScore, planned: Planned) -> Identification:
    proportion = crossed_proportion(
        rows,
        name="proportion of target choices",
        estimand=f"probability that the target is chosen for a text of “{arm}”",
        chance=scale.chance,
        alpha=planned.alpha,
        scope=planned.scope,
    )
    interval = proportion.interval if isinstance(proportion, Estimate) else None
    estimate = proportion.estimate
    n_options = len(scale.options)
    return Identification(
        arm=arm,
        dose=planned.doses.get(arm),
        n=len(rows),
        n_correct=int(rows["answer"].sum()),
        proportion=proportion,
        d_prime=(
            DPrime(None, None, None)
            if estimate is None
            else d_prime_with_interval(estimate, interval, n_options)
        ),
    )


def _confuse(rows: pd.DataFrame, name: str, dose: float | None, scale: TargetScore) -> ConfusionMatrix:
    present = set(rows[TARGET].dropna())
    targets = tuple(option for option in scale.options if option in present)
    chosen = _all_labels(scale)
    counts = pd.crosstab(rows[TARGET], rows[CHOSEN]).reindex(
        index=list(targets), columns=list(chosen), fill_value=0
    )
    table = tuple(tuple(int(n) for n in row) for row in counts.to_numpy())
    return ConfusionMatrix(name=name, dose=dose, targets=targets, chosen=chosen, counts=table)


def _confuse_by_dose(
    rows: pd.DataFrame, arms: Sequence[str], scale: TargetScore, planned: Planned
) -> tuple[ConfusionMatrix, ...]:
    by_dose: dict[float, list[str]] = {}
    for arm in arms:
        if arm in planned.doses and arm not in planned.random_controls:
            by_dose.setdefault(planned.doses[arm], []).append(arm)
    if all(len(of_dose) < 2 for of_dose in by_dose.values()):
        return ()
    return tuple(
        _confuse(rows[rows["arm"].isin(of_dose)], f"dose {dose:g}", dose, scale)
        for dose, of_dose in sorted(by_dose.items())
    )


def _all_labels(scale: TargetScore) -> tuple[str, ...]:
    return scale.options if scale.none is None else (*scale.options, scale.none)


def _label_shares(rows: pd.DataFrame, scale: TargetScore) -> tuple[ChoiceShare, ...]:
    chosen, targets = rows[CHOSEN].value_counts(), rows[TARGET].value_counts()
    return tuple(
        ChoiceShare(
            name=label,
            n_chosen=int(chosen.get(label, 0)),
            n=len(rows),
            n_target=int(targets.get(label, 0)),
        )
        for label in _all_labels(scale)
    )


def _place_shares(rows: pd.DataFrame, scale: TargetScore) -> tuple[ChoiceShare, ...]:
    if OPTIONS not in rows.columns or rows[OPTIONS].isna().any():
        return ()
    pairs = zip(rows[OPTIONS], rows[CHOSEN], strict=True)
    places = [
        shown.index(chosen) for order, chosen in pairs if chosen in (shown := str(order).split(SEPARATOR))
    ]
    among = [place for place in places if place < len(scale.options)]
    if not among:
        return ()
    counts = np.bincount(among, minlength=len(scale.options))
    return tuple(
        ChoiceShare(name=str(place), n_chosen=int(n), n=len(among)) for place, n in enumerate(counts, start=1)
    )


def with_label_codes(frame: pd.DataFrame, dimensions: Sequence[Judged]) -> pd.DataFrame:
    """Return a frame whose answers on choices among labels are the numbers of the labels chosen.

    0 is "none of these". Agreement and straight-lining are about labels, not about correct answers.
    """
    codes: dict[str, dict[str, int]] = {}
    for judged in dimensions:
        scale = judged.scale
        if isinstance(scale, TargetScore) and CHOSEN in frame.columns:
            codes[judged.name] = {label: number for number, label in enumerate(scale.options, start=1)}
            codes[judged.name] |= {} if scale.none is None else {scale.none: NONE_VALUE}
    for name, numbers in codes.items():
        of = (frame["dimension"] == name).to_numpy()
        coded = frame[CHOSEN].map(numbers).to_numpy(dtype=np.float64)
        frame = frame.assign(answer=np.where(of, coded, frame["answer"].to_numpy(dtype=np.float64)))
    return frame
