import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.errors import RaterError
from rater.name_lists import choose_arms, join_names, shell_argument, similar_names, split_names
from rater.names import normalise_name

ARMS = ["GPT-4, t=0", "GPT-4, t=1", "llama"]


@pytest.mark.parametrize(
    "given",
    [
        ["GPT-4, t=0,GPT-4, t=1"],
        ['"GPT-4, t=0","GPT-4, t=1"'],
        ['"GPT-4, t=0", GPT-4, t=1'],
        ["GPT-4, t=0", "GPT-4, t=1"],
        ["GPT-4,\u00a0t=0 , GPT-4, t=1"],
    ],
)
def test_arms_with_commas_can_be_named(given: list[str]) -> None:
    assert choose_arms(given, ARMS) == ("GPT-4, t=0", "GPT-4, t=1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["llama"], "valid: two different arms, such as --contrast"),
        (["llama,llama"], "valid: two different arms"),
        (["lllama,llama"], "names the arm 'lllama', which has no answers"),
        (["a", "b", "c"], "names 3 arms; valid: two"),
        (["LLAMA", "GPT-4, t=0"], "names the arm 'LLAMA', which has no answers. Did you mean 'llama'?"),
    ],
)
def test_what_is_not_two_arms_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(RaterError, match=message):
        choose_arms(given, ARMS)


def test_a_list_that_can_be_read_in_two_ways_is_refused_with_one_that_cannot() -> None:
    arms = ["a", "b,c", "a,b", "c"]

    with pytest.raises(RaterError, match='quote the names: a,"b,c"'):
        choose_arms(["a,b,c"], arms)
    assert choose_arms(['a,"b,c"'], arms) == ("a", "b,c")


@pytest.mark.parametrize(
    ("text", "names"),
    [("love, joy", ["love", "joy"]), ('"a, b",c', ["a, b", "c"]), ('"say ""hi""",b', ['say "hi"', "b"])],
)
def test_a_list_is_split_as_csv(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize("text", ["", ",", "a,,b", "a,", '"a,b', '"a"b,c'])
def test_a_list_with_an_empty_name_or_an_open_quote_is_refused(text: str) -> None:
    with pytest.raises(RaterError, match=r"is not a list|has an empty name"):
        split_names(text)


@given(st.lists(st.text(min_size=1, max_size=8).map(normalise_name).filter(bool), min_size=1, max_size=4))
def test_a_list_that_is_written_for_the_shell_is_read_back(names: list[str]) -> None:
    if any("\0" in name for name in names):
        return
    assert split_names(join_names(names)) == names
    assert [split_names(word) for word in shlex.split(shell_argument(names))] == [names]


def test_names_that_differ_in_case_or_a_final_zero_are_grouped() -> None:
    names = ["r1", "R1", "1", "1.0", "2.5", "2.50", "x.0", "A.0", "Steered", "steered 1.0", "STEERED 1", "10"]

    assert similar_names(names) == [
        (("r1", "R1"), "letter case"),
        (("1", "1.0"), "a final .0"),
        (("steered 1.0", "STEERED 1"), "letter case and a final .0"),
    ]


def test_names_that_differ_in_look_alike_characters_or_leading_zeros_are_grouped() -> None:
    names = [
        "p01",
        "p1",
        "base",
        "b\u0430se",
        "\uff52\uff12",
        "r2",
        "a\u2013b",
        "a-b",
        "'x'",
        "x",
        "1.05",
        "1.5",
    ]

    assert similar_names(names) == [
        (("p01", "p1"), "leading zeros"),
        (("base", "b\u0430se"), "look-alike characters"),
        (("\uff52\uff12", "r2"), "look-alike characters"),
        (("a\u2013b", "a-b"), "look-alike characters"),
        (("'x'", "x"), "look-alike characters"),
    ]
