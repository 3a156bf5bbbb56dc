"""JSON files of users: bad ones are refused with the file, the fault and what is valid."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from rater.errors import RaterError
from rater.tables.json_file import read_json_file


class Shelf(BaseModel):
    """Something to read."""

    n_books: int


def read(path: Path) -> Shelf:
    return read_json_file(path, Shelf, noun="file of shelves", valid="a shelf", max_bytes=1_000_000)


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"n_books": 3}')

    assert read(tmp_path / "a.json").n_books == 3


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("mine", "not a valid file of shelves: it is not JSON. Valid: a shelf."),
        ('{"n_books": "many"}', "not a valid file of shelves: n_books: "),
        ('{"n_books": 3}' + " " * 1_000_000, "larger than a file of shelves can be (1 MB). Valid: a shelf."),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_bad_file_is_refused_with_its_fault(tmp_path: Path, content: str | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)

    with pytest.raises(RaterError) as refused:
        read(tmp_path / "a.json")

    assert str(tmp_path / "a.json") in str(refused.value)
    assert fault in str(refused.value)
