from pathlib import Path

import pytest

from rater.errors import TableError
from rater.tables.text_file import read_text


def test_a_text_has_no_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes("\ufeffzoë\n".encode())

    assert read_text(tmp_path / "ids.txt") == "zoë\n"


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("zoë".encode("latin-1"))

    with pytest.raises(TableError, match=r"latin\.txt cannot be read: it is not text in UTF-8"):
        read_text(tmp_path / "latin.txt")
    with pytest.raises(TableError, match=r"none\.txt cannot be read: No such file"):
        read_text(tmp_path / "none.txt")
