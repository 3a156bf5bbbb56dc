"""Hold what a plan may ask for, and what is said of one that cannot be met."""

import pytest

from rater.study.design import Design


@pytest.mark.parametrize("n_items", [0, 3, 14])
def test_a_booklet_that_cannot_be_balanced_is_refused_with_what_can(n_items: int) -> None:
    with pytest.raises(ValueError, match=r"a multiple of 2 up to 12, such as"):
        Design(n_raters=1, items_per_rater=n_items, n_prompts=3, n_arms=2, n_samples=2)


def test_blocks_need_whole_sets_each() -> None:
    with pytest.raises(ValueError, match=r"in each of 2 blocks .* a multiple of 4 up to 8, such as 4"):
        Design(
            n_raters=1, items_per_rater=6, n_prompts=2, n_arms=2, n_samples=2, n_dimensions=2, asking="blocks"
        )


def test_three_arms_in_pairs_need_three_samples_of_a_prompt() -> None:
    with pytest.raises(ValueError, match=r"samples_per_prompt is 2, but .* valid: at least 3$"):
        Design(n_raters=1, items_per_rater=3, n_prompts=2, n_arms=3, n_samples=2, n_texts=2)


def test_groups_of_three_of_four_arms_need_a_sample_for_each_group() -> None:
    with pytest.raises(ValueError, match=r"4 groups of 3 arms equally often .* valid: at least 4$"):
        Design(n_raters=1, items_per_rater=4, n_prompts=3, n_arms=4, n_samples=1, n_texts=3)


def test_more_prompts_help_only_where_a_rater_needs_several_sets() -> None:
    with pytest.raises(ValueError, match=r"valid: at least 2, or more prompts$"):
        Design(1, 4, n_prompts=1, n_arms=2, n_samples=1, n_dimensions=2, asking="blocks")
    with pytest.raises(ValueError, match=r"prompts has 1, but .* valid: at least 2$"):
        Design(1, 2, 1, 2, 3, n_dimensions=2, asking="blocks", arms_per_prompt="one")


@pytest.mark.parametrize(("n_arms", "n_samples", "valid"), [(2, 2, 3), (2, 4, 3), (3, 3, 9), (4, 6, 9)])
def test_odd_one_out_needs_whole_sets_of_samples(n_arms: int, n_samples: int, valid: int) -> None:
    with pytest.raises(
        ValueError, match=rf"samples_per_prompt is {n_samples}, .* valid: a multiple of {valid},"
    ):
        Design(
            n_raters=1,
            items_per_rater=2,
            n_prompts=2,
            n_arms=n_arms,
            n_samples=n_samples,
            n_texts=3,
            has_odd_text=True,
        )


def test_only_the_first_half_can_be_repeated() -> None:
    with pytest.raises(ValueError, match=r"plan.repeats is 4, .* valid: 0 to 3"):
        Design(n_raters=1, items_per_rater=6, n_prompts=3, n_arms=2, n_samples=1, n_repeats=4)


def test_repeats_and_checks_make_a_booklet_longer_but_no_item_rated_more() -> None:
    plain = Design(n_raters=12, items_per_rater=24, n_prompts=12, n_arms=2, n_samples=4)
    longer = Design(
        n_raters=12, items_per_rater=24, n_prompts=12, n_arms=2, n_samples=4, n_repeats=3, n_checks=2
    )

    assert longer.trials_per_rater == plain.trials_per_rater + 5
    assert longer.ratings_per_item == plain.ratings_per_item == 3


def test_each_text_of_a_pair_counts_as_rated() -> None:
    design = Design(n_raters=12, items_per_rater=12, n_prompts=12, n_arms=2, n_samples=4, n_texts=2)

    assert design.ratings_per_item == 3


def test_a_rater_who_sees_one_arm_of_each_prompt_sees_no_prompt_twice() -> None:
    design = Design(n_raters=4, items_per_rater=6, n_prompts=6, n_arms=3, n_samples=2, arms_per_prompt="one")

    assert (design.set_size, design.sets_per_rater, design.max_sets) == (1, 6, 6)
    with pytest.raises(
        ValueError, match=r"equally many prompts and no prompt twice; valid: .* up to 6, such"
    ):
        Design(n_raters=4, items_per_rater=7, n_prompts=6, n_arms=3, n_samples=2, arms_per_prompt="one")
