"""Choices among labels: identification by arm, confusion matrices, and biases."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.answer_scale import Scored, as_scored
from rater.analysis.choices import (
    LabelChoices,
    label_choices,
    with_label_codes,
)
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Estimate, NotEstimable, Result
from rater.study.analysis_plan import Exclusions
from rater.study.dimension import Dimension
from rater.study.label_choice import Choose, TargetScore

LABELS = ("love", "weddings", "anger", "travel")
WHICH = Scored("which", "Which?", TargetScore(LABELS, "none"))
PLANNED = Planned(contrast=("steered", "random"), dimensions=(WHICH,), primary="which")
SHARES = {"steered": 0.7, "random": 0.25}


def simulate(seed: int = 1, n_raters: int = 12, n_prompts: int = 8) -> pd.DataFrame:
    """Answers of raters who recognise 7 of 10 steered texts, and guess the others among the labels."""
    rng, rows = np.random.default_rng(seed), []
    for rater in range(n_raters):
        order = " | ".join([*rng.permutation(LABELS), "none"])
        for prompt in range(n_prompts):
            for arm, share in SHARES.items():
                target = LABELS[prompt % 4]
                others = [label for label in LABELS if label != target]
                chosen = target if rng.random() < share else str(rng.choice(others))
                item = f"{arm} {prompt}"
                rows.append(
                    (rater, item, f"p{prompt}", arm, "which", float(chosen == target), chosen, target, order)
                )
    columns = ["rater", "item", "prompt", "arm", "dimension", "answer", "chosen", "target", "options"]
    return pd.DataFrame(rows, columns=columns).assign(position=range(len(rows)))


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyze(simulate(), PLANNED)


def choices_of(analysis: Analysis) -> LabelChoices:
    choices = analysis.dimensions[0].details.choices
    assert isinstance(choices, LabelChoices)
    return choices


def test_the_planned_test_compares_the_proportions_of_target_choices(analysis: Analysis) -> None:
    found = analysis.dimensions[0]

    assert isinstance(found.primary, Result)
    frame = simulate()
    means = frame.groupby("arm")["answer"].mean()
    assert found.primary.estimate == pytest.approx(means["steered"] - means["random"])
    assert found.primary.p < 0.001
    assert found.other_score.estimate == pytest.approx(
        found.primary.estimate
    )  # of 0 and 1, both are the same
    assert "“steered” was recognised more often than “random” on which" in found.headline
    assert "percentage points more often for texts of “steered”" in found.headline


def test_each_arm_is_compared_with_chance(analysis: Analysis) -> None:
    steered, random = choices_of(analysis).arms

    assert isinstance(steered.proportion, Estimate)
    assert isinstance(random.proportion, Estimate)
    assert (steered.arm, steered.n, random.arm) == ("steered", 96, "random")
    assert steered.proportion.settings["chance"] == 0.25
    assert float(steered.proportion.settings["p"]) < 0.001
    assert float(random.proportion.settings["p"]) > 0.05
    assert steered.d_prime.low is not None
    assert steered.d_prime.low > 0.5
    assert random.d_prime.low is not None
    assert random.d_prime.high is not None
    assert random.d_prime.low < 0 < random.d_prime.high


def test_a_confusion_matrix_counts_every_answer(analysis: Analysis) -> None:
    matrix = choices_of(analysis).by_arm[0]
    frame = simulate()
    steered = frame[frame["arm"] == "steered"]

    assert matrix.targets == LABELS
    assert matrix.chosen == (*LABELS, "none")
    assert sum(map(sum, matrix.counts)) == 96
    correct = sum(matrix.counts[place][place] for place in range(4))
    assert correct == steered["answer"].sum() == choices_of(analysis).arms[0].n_correct
    assert matrix.counts[1][2] == ((steered["target"] == "weddings") & (steered["chosen"] == "anger")).sum()


def test_arms_of_one_dose_are_together_without_random_controls() -> None:
    doses = {"steered": 1.0, "other": 1.0, "random": 1.0, "none at all": 0.0}
    frame = simulate()
    frame = pd.concat([frame, frame[frame["arm"] == "steered"].assign(arm="other")])
    frame["item"] = frame["arm"] + frame["item"]
    planned = replace(PLANNED, doses=doses, random_controls=("random",))

    found = label_choices(frame, WHICH, planned)

    assert isinstance(found, LabelChoices)
    assert [(each.name, sum(map(sum, each.counts))) for each in found.by_dose] == [("dose 1", 192)]


def test_biases_towards_labels_and_places_are_counted() -> None:
    frame = simulate()
    first = frame["options"].str.split(" | ", regex=False).str[0]
    frame = frame.assign(chosen=first, answer=(first == frame["target"]).astype(float))

    found = label_choices(frame, WHICH, PLANNED)

    assert isinstance(found, LabelChoices)
    assert [place.share for place in found.places] == [1, 0, 0, 0]
    assert sum(label.n_chosen for label in found.labels) == len(frame)
    assert [label.n_target for label in found.labels] == [48, 48, 48, 48, 0]


def test_agreement_is_about_labels_and_nominal(analysis: Analysis) -> None:
    agreement = analysis.dimensions[0].details.agreement

    assert not isinstance(agreement, NotEstimable)
    assert agreement.is_nominal
    assert isinstance(agreement.krippendorff, Estimate)
    assert agreement.krippendorff.name == "Krippendorff's alpha (nominal)"
    assert isinstance(agreement.icc_single, NotEstimable)
    assert agreement.icc_single.reason == "labels have no order"
    assert [value for value, _ in agreement.shares] == [1, 2, 3, 4]


def test_raters_who_always_choose_one_label_are_found() -> None:
    frame = simulate()
    lazy = frame["rater"] == 0
    frame.loc[lazy, "chosen"] = "travel"
    frame.loc[lazy, "answer"] = (frame.loc[lazy, "target"] == "travel").astype(float)
    planned = replace(PLANNED, exclusions=Exclusions(max_same_answer_share=0.9))

    found = analyze(frame, planned)

    assert found.exclusion is not None
    assert [each.rater for each in found.exclusion.raters] == ["0"]
    quality = {each.rater: each for each in analyze(frame, PLANNED).dimensions[0].details.quality}
    assert (quality["0"].longest_run, quality["0"].entropy) == (16, 0)
    assert quality["0"].mean == pytest.approx(0.25)  # of the scores


def test_codes_are_numbers_of_labels() -> None:
    chosen = pd.Series(["travel", "none", None, "love"], dtype=object)
    frame = simulate().head(4).assign(chosen=chosen)

    coded = with_label_codes(frame, [WHICH])

    assert coded["answer"].fillna(-1).tolist() == [4, 0, -1, 1]


def test_without_the_labels_there_is_a_reason() -> None:
    found = label_choices(simulate().drop(columns="chosen"), WHICH, PLANNED)

    assert isinstance(found, NotEstimable)
    assert "no column 'chosen'" in found.reason


def test_a_choice_among_labels_is_analysed_by_its_score() -> None:
    declared = Dimension(name="which", question="Which?", scale=Choose(options=LABELS, none="none"))

    assert as_scored(declared) == WHICH
