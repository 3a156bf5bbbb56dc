import numpy as np
from scipy.sparse import csr_array

from rater.analysis.arm_strengths import NO_INTERVAL, Quantify, resample_counts
from rater.analysis.results import Counts, Estimate

N = Counts(raters=4, prompts=5, items=10, answers=20, cells=20)


def test_an_estimate_has_the_percentile_interval_of_its_replicates() -> None:
    replicates = [np.linspace(0, 1, 1001)]

    found = Quantify(N, 0.1, "a model", "a reference")("strength", "log odds", 0.4, replicates)

    assert isinstance(found, Estimate)
    assert found.interval is not None
    assert np.isclose([found.interval.low, found.interval.high], [0.05, 0.95], atol=0.002).all()
    assert found.warnings == ()
    assert found.method.startswith("a model")


def test_without_replicates_there_is_no_interval_and_a_reason() -> None:
    found = Quantify(N, 0.05, "a model", "a reference")("strength", "log odds", 0.4, [])

    assert isinstance(found, Estimate)
    assert found.interval is None
    assert found.warnings == (NO_INTERVAL,)


def test_a_replicate_counts_an_answer_as_often_as_its_rater_times_its_prompt_was_drawn() -> None:
    n_raters, n_prompts = N.raters, N.prompts
    # one kind and one outcome: each rater answered each prompt once
    counts = csr_array(np.ones((n_prompts, n_raters)))

    drawn = list(resample_counts(counts, (1, 1, n_prompts), N, rng=np.random.default_rng(1), progress=None))

    replicates = np.concatenate(drawn)
    assert replicates.shape[1:] == (1, 1)
    assert (replicates == n_raters * n_prompts).all()
