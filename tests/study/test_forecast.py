from collections.abc import Callable

import pytest

from rater import Plan, Sampling, Study
from rater.study.forecast import forecast


def test_a_studys_costs_are_counted_from_its_declaration(declare: Callable[..., Study]) -> None:
    study = declare(
        prompts=["one two three", "four five six"],
        sampling=Sampling(samples_per_prompt=3, max_new_tokens=26),
        plan=Plan(raters=6, items_per_rater=4),
    )

    foreseen = forecast(study)

    assert (foreseen.n_arms, foreseen.n_prompts) == (2, 2)
    assert (foreseen.n_completions, foreseen.n_tokens) == (12, 312)
    assert (foreseen.n_booklets, foreseen.trials_per_booklet, foreseen.n_trials) == (6, 4, 24)
    assert foreseen.ratings_per_completion == 2
    assert foreseen.study_hash == study.hash


def test_a_trial_takes_reading_at_238_words_a_minute_and_4_s_a_judgement(
    declare: Callable[..., Study],
) -> None:
    study = declare(
        prompts=["one two three", "four five six"],
        sampling=Sampling(max_new_tokens=26),
        plan=Plan(items_per_rater=4),
    )

    # 3 words of prompt + 26 / 1.3 words of text, and a judgement
    assert forecast(study).minutes_per_trial == pytest.approx(23 / 238 + 4 / 60)


def test_a_raters_time_counts_consent_instructions_and_four_pages_too(declare: Callable[..., Study]) -> None:
    study = declare(consent="c" * 57, instructions="i" * 570, plan=Plan(items_per_rater=4))

    expected = forecast(study)

    around = expected.minutes_per_rater - 4 * expected.minutes_per_trial
    assert around == pytest.approx(110 / 238 + 4 * 3 / 60)


def test_texts_that_are_known_are_read_at_their_own_length(declare: Callable[..., Study]) -> None:
    study = declare(
        prompts=["one two three", "four five six"],
        sampling=Sampling(max_new_tokens=26),
        plan=Plan(items_per_rater=4),
    )
    first, _ = study.arm_names

    # prompts have 13 letters each; of the other arm, texts are taken to be 26 / 1.3 words long
    minutes = forecast(study, {first: 101.0}).minutes_per_trial

    assert minutes == pytest.approx((114 / 5.7) / 238 / 2 + 23 / 238 / 2 + 4 / 60)
