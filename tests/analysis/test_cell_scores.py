import numpy as np
import pandas as pd
import pytest

from rater.analysis.cell_scores import CellScores, Concepts, name_prompts_by_concept, read_concepts
from rater.analysis.results import Counts


def frame(prompts: list[str], concepts: list[str]) -> pd.DataFrame:
    rows = [(prompt, concept, arm) for prompt, concept in zip(prompts, concepts, strict=True) for arm in "ab"]
    table = pd.DataFrame(rows, columns=["prompt", "concept", "arm"])
    return table.assign(item=table["prompt"] + " · " + table["arm"])


def test_prompts_of_several_concepts_get_a_name_for_each_and_so_do_their_texts() -> None:
    named = name_prompts_by_concept(frame(["hello", "bye", "hello"], ["war", "war", "love"]))

    assert list(named["prompt"].unique()) == ["war · hello", "war · bye", "love · hello"]
    assert list(named["shared_prompt"].unique()) == ["hello", "bye"]
    assert named["item"].nunique() == 6
    assert name_prompts_by_concept(named) is named


def test_ids_of_texts_are_kept() -> None:
    table = frame(["hello", "hello"], ["war", "love"]).assign(item=["t1", "t2", "t3", "t4"])

    assert list(name_prompts_by_concept(table)["item"]) == ["t1", "t2", "t3", "t4"]


def test_nested_prompts_keep_their_names() -> None:
    table = frame(["hello", "bye"], ["war", "love"])

    assert name_prompts_by_concept(table) is table


def test_concepts_are_read_by_prompt_in_the_order_of_names() -> None:
    table = name_prompts_by_concept(frame(["hello", "bye", "hello"], ["war", "war", "love"]))

    concepts = read_concepts(table)

    assert concepts is not None
    assert concepts.names == ("love", "war")
    assert list(concepts.of_prompt) == [0, 1, 1]  # love · hello, war · bye, war · hello
    assert list(concepts.shared) == [1, 0, 1]
    assert concepts.is_crossed
    assert concepts.n_prompts == 2


@pytest.mark.parametrize("concepts", [["war", "war"], ["war", None]])
def test_one_concept_is_no_factor(concepts: list[str]) -> None:
    assert read_concepts(frame(["hello", "bye"], concepts)) is None


def test_taking_prompts_of_one_concept_leaves_no_factor() -> None:
    concepts = Concepts(("love", "war"), np.array([0, 1, 1]), np.array([1, 0, 1]))

    assert concepts.take(np.array([1, 2])) is None
    taken = concepts.take(np.array([2, 0]))
    assert taken is not None
    assert list(taken.of_prompt) == [1, 0]
    assert taken.n_prompts == 1


def test_averages_are_weighted_and_keep_the_sum_of_weights() -> None:
    concepts = Concepts(("love", "war"), np.array([0, 0, 1]), np.array([0, 1, 2]))
    n = Counts(raters=1, prompts=3, items=0, answers=0, cells=3, concepts=2)
    scores = CellScores(
        np.zeros(3, np.intp), np.arange(3), np.array([1.0, 4.0, 5.0]), np.array([2.0, 1.0, 1.0]), n, concepts
    )

    means = scores.average("concept")

    assert means.values == pytest.approx([2.0, 5.0])
    assert means.weight == pytest.approx([3.0, 1.0])
    assert means.concepts is None
    assert means.unit == "concept"
