import pytest

from rater.errors import TableError
from rater.tables import read_content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1, "a": 2}]', "has the key 'a' twice"),
        ('[{"a": 1, "a ": 2}]', "the column 'a' is there twice"),
        ('[{"a": 1}, {"a\\u00a0": 2}]', "the column 'a' is there twice"),
        ('[{"a": 1}, 3]', "row 2 is not a JSON object"),
        ('{"a": 1}', "is JSON, but not a table"),
        ('{"a": [{"b": 1}], "c": [{"b": 2}]}', "is JSON, but not a table"),
        ("[]", "is empty"),
        ("[{}]", "has rows without any value"),
        ("[1, 2", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_json_that_is_no_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_content("t.json", text.encode())


def test_a_key_that_an_object_lacks_is_an_empty_cell() -> None:
    table = read_content("t.json", b'[{"a": 1}, {"b": 2}, {"a": 3, "b": null}]')

    assert table.columns == {"a": [1, None, 3], "b": [None, 2, None]}
    assert table.place(2) == "row 3"


def test_nested_objects_are_columns_with_points_in_their_names() -> None:
    table = read_content("t.jsonl", b'{"rater": {"id": "r1", "age": {"in": 3}}, "a": [1]}\n\n{"rater": {}}\n')

    assert table.columns == {
        "rater.id": ["r1", None], "rater.age.in": [3, None], "a": [[1], None], "rater": [None, {}],
    }  # fmt: skip
    assert table.place(1) == "line 3"
