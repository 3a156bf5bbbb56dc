"""Marks that an audit searches for, and their places."""

import pytest

from rater.audit.marks import Mark, Searcher, collect_marks, words_of
from rater.study.study import Study


def test_all_that_an_arm_declares_is_a_mark(study: Study) -> None:
    marks = collect_marks(study, seeds=[5_550_001], secrets=["c0ffee" * 8])

    found = {(mark.kind, mark.text) for mark in marks}
    assert found >= {
        ("arm's name", "zebra-arm"),
        ("arm's name", "walrus-arm"),
        ("steering text", "Quokka prompt"),
        ("steering text", "Numbat prompt"),
        ("number of an arm", "7.8125"),
        ("hook point", "blocks.17.hook_resid_pre"),
        ("seed", "918273645"),
        ("seed", "5550001"),
        ("secret of the publication", "c0ffee" * 8),
        ("model's name", "smollm2-135m-instruct"),
        ("model's name", "smollm"),
        ("study's name", "marked_study"),
        ("word of the machinery", "unsteered"),
    }
    assert not {text for _, text in found} & {"space", "steered_kind", "front"}


@pytest.mark.parametrize("text", [" ", "5", "12", "0.25", "no", "…"])
def test_a_mark_that_occurs_in_ordinary_text_is_not_distinctive(text: str) -> None:
    assert not Mark("steering text", text).is_distinctive


@pytest.mark.parametrize("text", ["Love", "7.8125", "31415", "I hate you"])
def test_what_says_something_is_distinctive(text: str) -> None:
    assert Mark("steering text", text).is_distinctive


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("Love", 1),
        ("I LOVE, love", 2),
        ("love_vs_hate", 1),
        ('data-x="love"', 1),
        ("lovely gloves", 0),
        ("Lové", 0),
        ("clover", 0),
    ],
)
def test_a_mark_is_found_as_a_whole_word_in_any_case(text: str, n: int) -> None:
    mark = Mark("steering text", "Love")

    assert Searcher([mark]).count(text)[mark] == n


@pytest.mark.parametrize(
    "text", ["blocks.17.hook_resid_pre", "blocks 17 hook resid pre", "Blocks/17/hook-resid-pre"]
)
def test_a_mark_is_found_with_any_characters_between_its_words(text: str) -> None:
    mark = Mark("hook point", "blocks.17.hook_resid_pre")

    assert Searcher([mark]).count(text)[mark] == 1


def test_numbers_are_found_whole_among_thousands() -> None:
    marks = [Mark("seed", str(number)) for number in range(100_000, 110_000)]

    found = Searcher(marks).count("id=109999 and 1099990 and a109999")

    assert {mark.text: n for mark, n in found.items()} == {"109999": 1}


def test_an_arms_name_inside_a_longer_word_is_not_that_arm() -> None:
    marks = [Mark("arm's name", "steered"), Mark("arm's name", "unsteered")]

    assert {mark.text: n for mark, n in Searcher(marks).count("unsteered").items()} == {"unsteered": 1}


def test_nothing_to_search_for_finds_nothing() -> None:
    assert not Searcher([Mark("seed", "0")]).count("0 0 0")


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words_of("Blocks.6_hook–é9 ") == ("blocks", "6", "hook", "é9")
