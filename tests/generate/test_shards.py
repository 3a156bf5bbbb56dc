from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.errors import StudyError
from rater.generate.freeze import list_cells
from rater.generate.shards import MAX_SHARDS, Shard, list_shard, read_shard, shard_numbers
from rater.study.study import Study


def test_a_shard_is_read_as_it_is_written() -> None:
    assert read_shard("3/100") == Shard(3, 100)
    assert str(Shard(3, 100)) == "3/100"


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", f"1/{MAX_SHARDS + 1}", "1/3/5", ""]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match=r"such as 3/100") as refused:
        read_shard(text)
    assert repr(text) in str(refused.value)


def test_each_completion_is_in_one_shard_and_the_arms_of_a_sample_are_together(study: Study) -> None:
    shards = [list_shard(study, Shard(number, 5)) for number in range(1, 6)]

    assert sorted(cell for cells in shards for cell in cells) == sorted(list_cells(study))
    for cells in shards:
        arms = Counter((cell.prompt_index, cell.sample) for cell in cells)
        assert set(arms.values()) <= {len(study.arms)}


def test_a_study_with_one_shard_has_everything_in_it(study: Study) -> None:
    assert list_shard(study, Shard(1, 1)) == list_cells(study)


@given(n_shards=st.integers(1, 50))
def test_shards_are_numbered_from_1(n_shards: int) -> None:
    numbers = shard_numbers(EXAMPLE, n_shards)

    assert set(numbers.values()) <= set(range(1, n_shards + 1))


def test_shards_are_of_similar_size() -> None:
    counts = Counter(shard_numbers(EXAMPLE, 10).values())

    # Binomial with n = 2,000 and p = 0.1: mean 200, standard deviation 13.4.
    assert all(140 < count < 260 for count in counts.values())


EXAMPLE = Study.model_validate(
    {
        "name": "large",
        "title": "Texts",
        "consent": "You will rate texts.",
        "instructions": "Rate each text.",
        "dimensions": [{"name": "joy", "question": "How happy?", "scale": {"low": "not", "high": "very"}}],
        "prompts": [f"Prompt {number}" for number in range(20)],
        "arms": [{"kind": "unsteered"}, {"kind": "unsteered", "name": "again"}],
        "sampling": {"samples_per_prompt": 100},
        "allow_identical_arms": True,
    }
)
