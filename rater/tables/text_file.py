"""Read a text file that a user named."""

from pathlib import Path

from rater.errors import TableError


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, without a byte order mark.

    Raises:
        TableError: the file cannot be read, or is not text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise TableError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} cannot be read: it is not text in UTF-8."
        raise TableError(msg) from error
