"""Read a JSON file that a user named, as a pydantic model."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from rater.errors import RaterError

Model = TypeVar("Model", bound=BaseModel)


def read_json_file(path: Path, model: type[Model], *, noun: str, valid: str, max_bytes: int) -> Model:
    """Return the content of a file. Its memory is bounded by ``max_bytes``.

    Args:
        path: The file.
        model: What it contains.
        noun: The kind of file, for messages, such as "file of answers".
        valid: A file that is valid, for messages.
        max_bytes: The size of the largest valid file.

    Raises:
        RaterError: the file cannot be read, is too large, is not JSON, or does not fit the model.
    """
    try:
        if path.stat().st_size > max_bytes:
            msg = f"{path} is larger than a {noun} can be ({max_bytes // 1_000_000} MB). Valid: {valid}."
            raise RaterError(msg)
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise RaterError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in [".".join(map(str, first["loc"]))] if part)
        problem = "it is not JSON" if first["type"] == "json_invalid" else f"{place}{first['msg']}"
        msg = f"{path} is not a valid {noun}: {problem}. Valid: {valid}."
        raise RaterError(msg) from error
