import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rater.errors import TableError
from rater.tables import SourceTable, read_content, read_table
from rater.tables.read import EncodingError

ROWS = [{"rater": "r1", "prompt": "p", "answer": 3}, {"rater": "r2", "prompt": "q", "answer": 4}]


FRAME = pd.DataFrame(ROWS)


CSV = FRAME.to_csv(index=False)


def parquet(frame: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    frame.to_parquet(written, index=False)
    return written.getvalue()


def rows_of(table: SourceTable) -> list[tuple[str, ...]]:
    columns = [table.columns[name] for name in ("rater", "prompt", "answer")]
    return [tuple(map(str, row)) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV.encode()),
        ("t.csv", CSV.encode("utf-8-sig")),
        ("t.tsv", CSV.replace(",", "\t").encode()),
        ("t.txt", CSV.replace(",", ";").encode()),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.json", FRAME.to_json(orient="records").encode()),
        ("t.json", FRAME.to_json(orient="columns").encode()),
        ("t.json", FRAME.to_json(orient="split").encode()),
        ("t.json", FRAME.to_json(orient="table").encode()),
        ("t.json", json.dumps(FRAME.to_dict("list")).encode()),
        ("t.json", json.dumps({"version": 1, "ratings": ROWS}, indent=2).encode()),
        ("t.json", FRAME.to_json(orient="records", lines=True).encode()),
        ("t.jsonl", FRAME.to_json(orient="records", lines=True).encode("utf-8-sig")),
        ("t.jsonl.gz", gzip.compress(FRAME.to_json(orient="records", lines=True).encode(), mtime=0)),
        ("t.ndjson", b"\r\n" + FRAME.to_json(orient="records", lines=True).replace("\n", "\r\n").encode()),
        ("no-ending", json.dumps(ROWS).encode()),
        ("t.parquet", parquet(FRAME)),
        ("t.parquet", parquet(FRAME.astype({"rater": "category", "answer": "int8"}))),
    ],
)
def test_every_format_gives_the_same_rows(name: str, content: bytes) -> None:
    assert rows_of(read_content(name, content)) == [("r1", "p", "3"), ("r2", "q", "4")]


def test_an_open_file_is_read_once_and_need_not_seek(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)

    with (tmp_path / "t.csv").open() as text, (tmp_path / "t.csv").open("rb") as binary:
        assert rows_of(read_table(text)) == rows_of(read_table(binary))


def test_whole_numbers_of_parquet_stay_whole_where_some_are_missing() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [None, "x", None]})

    assert read_content("t", parquet(frame)).columns == {"a": [1, None, 3], "b": [None, "x", None]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CSV.encode("utf-16"), "is in UTF-16; save it as UTF-8"),
        (CSV.encode("utf-16-le"), ":1 has the character NUL"),
        (CSV.encode() + b"r\0,p,3\n", ":4 has the character NUL"),
        (
            "rater\r\nok\r\nJosé\r\n".encode("cp1252"),
            r":3 is not UTF-8 \(byte 0xe9\); save the file as UTF-8",
        ),
        ("rater\rok\rJosé\r".encode("cp1252"), ":3 is not UTF-8"),
        (b"PK\x03\x04rest", "is an Excel workbook or a zip; save the table as CSV"),
        (b"%PDF-1.7", "is a PDF"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"\x89PNG\r\n\x1a\n\0", "is not UTF-8"),
        (b"\x1f\x8bnot gzip", "cannot be unpacked"),
        (gzip.compress(CSV.encode(), mtime=0)[:-4], "cannot be unpacked"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (parquet(FRAME)[:-9], "cannot be read as Parquet"),
        (parquet(FRAME.head(0)), "has no rows"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_words(content: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_content("file", content)


def test_another_encoding_can_be_named() -> None:
    content = CSV.replace("r1", "José").encode("cp1252")

    assert rows_of(read_content("t.csv", content, encoding="cp1252"))[0][0] == "José"
    with pytest.raises(TableError, match="encoding is 'latin-x', which is unknown"):
        read_content("t.csv", content, encoding="latin-x")
    with pytest.raises(EncodingError, match="is not ASCII"):
        read_content("t.csv", content, encoding="ascii")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder, "cannot be read: Is a directory"),
        (lambda folder: folder / "ratngs.csv", r"There is no file .* Did you mean 'ratings\.csv'\?"),
        (lambda folder: folder / "a" / "b.csv", "There is no file"),
        (lambda folder: folder / "a\0b", "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    (tmp_path / "ratings.csv").write_text(CSV)

    with pytest.raises(TableError, match=message):
        read_table(make(tmp_path))


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
