"""Hold the agreement of a judge with raters to packages, and to judges that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rater.analysis.metric_agreement import JudgeAgreement, agree_with_raters, correlate
from rater.analysis.results import Estimate, NotEstimable, Quantity

LEVELS = (1, 2, 3, 4, 5)
N_RATERS, N_PROMPTS, N_TEXTS = 8, 10, 60


def ratings(seed: int = 3) -> pd.DataFrame:
    """Return answers of raters who see a text's quality with errors of their own."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(3, 1, N_TEXTS)
    seen = quality + rng.normal(0, 0.8, (N_RATERS, N_TEXTS))
    rater, unit = np.divmod(np.arange(N_RATERS * N_TEXTS), N_TEXTS)
    return pd.DataFrame(
        {
            "rater": rater.astype(str),
            "unit": unit.astype(str),
            "prompt": (unit % N_PROMPTS).astype(str),
            "answer": np.clip(np.rint(seen), 1, 5).ravel(),
            "value": np.clip(np.rint(quality), 1, 5)[unit],
        }
    )


def agree(rows: pd.DataFrame, levels: tuple[int, ...] = LEVELS) -> JudgeAgreement:
    return agree_with_raters(rows, levels, alpha=0.05, rng=np.random.default_rng(1))


def estimate(quantity: Quantity) -> Estimate:
    assert isinstance(quantity, Estimate)
    return quantity


def test_kappa_is_the_mean_of_cohens_weighted_kappas() -> None:
    """In R: mean over raters of ``psych::cohen.kappa(cbind(judge, rater))$weighted.kappa``."""
    rows = ratings()

    def kappa(own: pd.DataFrame) -> float:
        table = np.zeros((5, 5))
        np.add.at(table, (own["value"].astype(int) - 1, own["answer"].astype(int) - 1), 1 / len(own))
        weight = 1 - (np.subtract.outer(np.arange(5), np.arange(5)) / 4) ** 2
        chance = np.outer(table.sum(axis=1), table.sum(axis=0))
        return float(((weight * table).sum() - (weight * chance).sum()) / (1 - (weight * chance).sum()))

    found = estimate(agree(rows).kappa)

    assert found.estimate == pytest.approx(np.mean([kappa(own) for _, own in rows.groupby("rater")]))
    assert found.interval is not None
    assert found.interval.low < found.estimate < found.interval.high


@pytest.mark.parametrize("levels", [LEVELS, ()])
def test_alpha_is_krippendorffs_of_two_coders(levels: tuple[int, ...]) -> None:
    """From all pairs of values; ordinal distances are differences of mid-ranks (Krippendorff 2011)."""
    rows = ratings()
    values = rows[["value", "answer"]].to_numpy()
    if levels:
        values = stats.rankdata(values.ravel()).reshape(values.shape)
    n = values.size
    by_chance = np.subtract.outer(values.ravel(), values.ravel()) ** 2
    expected = 1 - ((values[:, 0] - values[:, 1]) ** 2).mean() / (by_chance.sum() / (n * (n - 1)))

    assert estimate(agree(rows, levels).alpha).estimate == pytest.approx(expected, abs=1e-9)


def test_concordance_is_with_the_mean_rating() -> None:
    """In R: ``DescTools::CCC(judge, mean_rating)``, with variances divided by n."""
    rows = ratings()
    means = rows.groupby("unit")[["value", "answer"]].mean()
    x, y = means["value"].to_numpy(), means["answer"].to_numpy()
    expected = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)

    assert estimate(agree(rows).concordance).estimate == pytest.approx(expected)


def test_base_rates_and_chance_are_shown_next_to_equal_answers() -> None:
    rows = ratings().assign(value=3.0)

    found = agree(rows)

    rates = {each.answer: (each.judge, each.raters) for each in found.base_rates}
    assert rates[3.0][0] == 1.0
    assert rates[3.0][1] == pytest.approx((rows["answer"] == 3).mean())
    assert found.share_equal == pytest.approx(found.share_equal_by_chance)
    assert estimate(found.kappa).estimate == pytest.approx(0, abs=0.1)


def test_a_judge_at_random_agrees_with_nobody() -> None:
    rows = ratings()
    drawn = np.random.default_rng(9).integers(1, 6, N_TEXTS).astype(float)

    found = agree(rows.assign(value=drawn[rows["unit"].astype(int)]))

    for quantity in (found.kappa, found.alpha, found.concordance):
        interval = estimate(quantity).interval
        assert interval is not None
        assert interval.low < 0 < interval.high or interval.high < 0.25


def test_one_answer_of_all_is_not_estimable() -> None:
    found = agree(ratings().assign(value=3.0, answer=3.0))

    assert isinstance(found.kappa, NotEstimable)
    assert isinstance(found.alpha, NotEstimable)


def points(*, within: float, between: float, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm, noise = np.repeat(["a", "b"], 40), rng.normal(size=80)
    shift = np.where(arm == "a", between, 0.0)
    return pd.DataFrame(
        {
            "prompt": np.tile(np.arange(10), 8).astype(str),
            "arm": arm,
            "value": noise + shift,
            "mean_rating": within * noise + rng.normal(size=80) + shift,
        }
    )


def test_the_correlation_is_spearmans() -> None:
    rows = points(within=1, between=0)

    found = estimate(correlate(rows, alpha=0.05, rng=np.random.default_rng(1), within_arms=False))

    assert found.estimate == pytest.approx(stats.spearmanr(rows["value"], rows["mean_rating"]).statistic)
    assert found.interval is not None
    assert found.interval.low < found.estimate < found.interval.high


def test_a_difference_between_the_arms_does_not_correlate_within_arms() -> None:
    rows = points(within=0, between=5)

    pooled, within = (
        estimate(correlate(rows, alpha=0.05, rng=np.random.default_rng(1), within_arms=within))
        for within in (False, True)
    )

    assert pooled.estimate > 0.7
    assert abs(within.estimate) < 0.3


def test_a_constant_metric_has_no_correlation() -> None:
    rows = points(within=1, between=0).assign(value=1.0)

    found = correlate(rows, alpha=0.05, rng=np.random.default_rng(1), within_arms=True)

    assert isinstance(found, NotEstimable)
    assert "different values" in found.reason


def test_few_prompts_give_no_interval() -> None:
    rows = points(within=1, between=0).assign(prompt="one")

    found = estimate(correlate(rows, alpha=0.05, rng=np.random.default_rng(1), within_arms=False))

    assert found.interval is None
    assert "too few" in found.warnings[0]
