import io

import pandas as pd
import pytest

from rater.analysis import read
from rater.errors import RaterError


def small(text: str) -> io.StringIO:
    return io.StringIO(text)


def test_a_wide_table_is_recognised_and_the_message_can_be_followed() -> None:
    text = "rater,prompt,base,steered\nr,p,3,4\nr,q,,2\n"

    with pytest.raises(RaterError, match=r"looks wide: base, steered hold numbers.*--wide '\{arm\}'"):
        read(small(text))
    frame = read(small(text), wide="{arm}", answer_columns=["base", "steered"])

    assert frame[["prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["p", "base", 3.0], ["p", "steered", 4.0], ["q", "steered", 2.0],
    ]  # fmt: skip
    notes = frame.attrs["reading"]
    assert (notes.n_rows, notes.n_without_answer, notes.answer_columns) == (4, 1, ("base", "steered"))


def test_the_columns_of_a_wide_table_can_name_prompt_and_arm() -> None:
    frame = read(
        small("who,p1_base,p1_steered,age\nr,3,4,30\ns,1,2,40\n"), rater="who", wide="{prompt}_{arm}"
    )

    assert frame[["rater", "prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["r", "p1", "base", 3.0], ["r", "p1", "steered", 4.0],
        ["s", "p1", "base", 1.0], ["s", "p1", "steered", 2.0],
    ]  # fmt: skip


def test_a_table_with_a_column_per_item_is_refused_with_what_it_lacks() -> None:
    items = pd.DataFrame({"item": ["Q1", "Q2"], "prompt": ["p", "p"], "arm": ["a", "b"]})
    wide = 'ResponseId,Q1,Q2\nResponse ID,How happy?,And this?\n"{""ImportId"":""_recordId""}",x,y\nr,3,4\n'

    frame = read(small(wide), rater="ResponseId", wide="{item}", items=items, answer_columns=["Q1", "Q2"])

    assert frame[["rater", "item", "prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["r", "Q1", "p", "a", 3.0], ["r", "Q2", "p", "b", 4.0],
    ]  # fmt: skip
    with pytest.raises(RaterError, match="has the item 'Q2', which is not in the table of items"):
        read(small(wide), rater="ResponseId", wide="{item}", items=items.head(1), answer_columns=["Q1", "Q2"])
    with pytest.raises(RaterError, match="has the item 'Q1', as has row 1"):
        read(small(wide), rater="ResponseId", wide="{item}", items=pd.concat([items, items]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide": "{foo}"}, r"wide is '\{foo\}'; valid: what the names"),
        ({"wide": "{arm}_{arm}"}, "valid: what the names"),
        ({"wide": "{prompt}_{arm}"}, "fits the pattern .* in several ways"),
        ({"wide": "{arm}!"}, "no column fits the pattern"),
        ({"answer_columns": ["p_1_b", "nope"]}, "has no column 'nope'"),
        ({"wide": "{item}", "answer_columns": ["note"]}, "note|There is no column"),
    ],
)
def test_a_wide_table_that_differs_from_its_pattern_is_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(RaterError, match=message):
        read(small("rater,p_1_b,note\nr,3,x\n"), **options)  # type: ignore[arg-type] # each case gives its own


def test_ratings_and_items_that_differ_in_the_arm_are_refused() -> None:
    table = small("rater,item,prompt,arm,answer\nr1,i1,p1,a,3\n")

    with pytest.raises(RaterError, match=r"has the arm 'a', but the table of items has 'b'"):
        read(table, items=small("item,prompt,arm\ni1,p1,b\n"))
