from collections.abc import Callable

import pytest
from scipy import stats

from rater.rehearse import SimulatedRaters, rehearse_many
from rater.sample_size import power_as_planned
from rater.study.study import Study


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def test_rehearsing_often_counts_what_the_planned_test_finds(generated: Study, sealed_url: str) -> None:
    often = rehearse_many(
        sealed_url, generated.name, SimulatedRaters(None, 2.0, seed=3), 4, progress=lambda _: None
    )

    assert (often.n, often.n_not_estimable) == (4, 0)
    assert often.n_found >= 1  # power is 0.91 in each, whose booklets come from a fresh secret
    assert 0 < often.low < often.share <= often.high


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "n"), [(0.0, 60), (0.8, 40)])
def test_a_null_study_is_found_at_alpha_and_an_effect_at_the_promised_power(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, effect: float, n: int
) -> None:
    planned = Study.model_validate(
        {
            **study.model_dump(),
            "prompts": [f"Prompt {number} and" for number in range(12)],
            "sampling": {"samples_per_prompt": 1},
            "plan": {"raters": 12},
        }
    )
    seal_completions(planned)

    often = rehearse_many(
        sealed_url, planned.name, SimulatedRaters(None, effect, seed=4), n, progress=lambda _: None
    )

    promised = power_as_planned(planned, effect, n_simulations=500).share if effect else 0.05
    found = f"{often.n_found} of {often.n} (99% interval {often.low:.1%} to {often.high:.1%})"
    print(f"effect {effect}: {found}, promised {promised:.1%}")
    # booklets come from a fresh secret each time, so that the interval itself would miss once in 100 runs
    assert stats.binomtest(often.n_found, often.n, promised).pvalue > 1e-4
