"""Keep the random token by which a rater of the terminal comes back, one file for each database and study."""

import hashlib
import os
import tempfile
from pathlib import Path

from rater.errors import StateError
from rater.store.engine import shown_url
from rater.store.rating.sittings import new_token


def token_file(folder: Path, rating_url: str, study_name: str, person: str = "") -> Path:
    """Return the file of a person's token; the same for the same database, however its path is written."""
    whose = f"\n{person}" if person else ""
    key = hashlib.sha256(f"{shown_url(rating_url)}\n{study_name}{whose}".encode()).hexdigest()
    return folder / f"rating-{key[:32]}"


def read_token(file: Path) -> str | None:
    """Read a kept token; None where none is kept.

    Raises:
        StateError: the file is there but cannot be read.
    """
    try:
        return file.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The token of this sitting in {file} cannot be read: {error}. Remove the file to begin anew."
        raise StateError(msg) from error


def keep_token(file: Path) -> str:
    """Draw a token and keep it, whole and on the disk before it is used, readable by its owner only.

    Raises:
        StateError: it cannot be kept.
    """
    token = new_token()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, written = tempfile.mkstemp(dir=file.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(token)
            stream.flush()
            os.fsync(stream.fileno())
        Path(written).replace(file)
    except OSError as error:
        msg = (
            f"The token of this sitting cannot be kept in {file.parent}: {error.strerror}. Make it writable."
        )
        raise StateError(msg) from error
    return token
