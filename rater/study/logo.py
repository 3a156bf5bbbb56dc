"""The logo of a study: a small PNG or JPEG picture on its pages for raters.

The content of the file is part of the declaration, in base64. So the hash of the study covers it, and it goes
wherever the protocol goes: to the rating database, to amendments, archives and previews. Because each page
reads the protocol, the file is limited in size. SVG is not accepted: it can contain scripts and links.
"""

import binascii
import hashlib
import warnings
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from rater.errors import StudyError
from rater.study.declaration import Declaration, Label

if TYPE_CHECKING:
    from rater.study.study import Study

MAX_BYTES = 32 * 1024
"""Size of the file. A logo of 600 × 160 pixels has 5 to 20 KB."""
MAX_PIXELS = 2_000
"""Width and height of the picture."""
_VALID = (
    f"a PNG or JPEG file of at most {MAX_BYTES // 1024} KB and {MAX_PIXELS:,} × {MAX_PIXELS:,} pixels, "
    "without animation"
)
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class Picture:
    """The content of a logo's file."""

    content: bytes
    media_type: str
    """``image/png`` or ``image/jpeg``, by the first bytes."""
    digest: str
    """The first 16 hexadecimal digits of the SHA-256 of the content."""


class Logo(Declaration):
    """A picture at the top of the pages for raters, such as the logo of an institution.

    It is shown 40 pixels high. In the dark theme it has a white background.
    """

    path: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """Path of a PNG or JPEG file of at most 32 KB, relative to the folder of the study file.
    (experimenter)"""
    alt: Label
    """Alternative text for raters who do not see pictures, such as the name of the institution. (rater)"""
    content: Annotated[str, Field(max_length=4 * MAX_BYTES)] | None = None
    """Content of the file in base64; `rater` reads it from the file when it loads the study. (rater)"""

    @property
    def picture(self) -> Picture | None:
        """The content of the file; None before it is read."""
        return None if self.content is None else _decode(self.content)

    @model_validator(mode="after")
    def _content_is_a_picture(self) -> Self:
        if self.content is not None:
            _decode(self.content)
        return self


@lru_cache(maxsize=64)
def _decode(content: str) -> Picture:
    try:
        decoded = b64decode(content, validate=True)
    except binascii.Error as error:
        msg = "content is not base64; leave it out, so that it is read from the file"
        raise ValueError(msg) from error
    media_type = next((name for start, name in _SIGNATURES.items() if decoded.startswith(start)), None)
    if media_type is None or len(decoded) > MAX_BYTES:
        msg = f"content is of {len(decoded):,} bytes that begin with {decoded[:8]!r}; valid: {_VALID}"
        raise ValueError(msg)
    return Picture(decoded, media_type, hashlib.sha256(decoded).hexdigest()[:16])


def with_logo(study: "Study", folder: Path) -> "Study":
    """Return a study with the content of its logo's file; without a logo, the study itself.

    Args:
        study: The study.
        folder: The folder to which the path is relative.

    Raises:
        StudyError: If the file cannot be read, or is not a valid picture; with its name and its size.
    """
    if study.logo is None:
        return study
    content = b64encode(_read(folder / study.logo.path)).decode()
    return study.model_copy(update={"logo": study.logo.model_copy(update={"content": content})})


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = (
            f"logo.path: {path} cannot be read ({error.strerror}). Paths are relative to the folder of the "
            "study file."
        )
        raise StudyError(msg) from error
    if len(content) > MAX_BYTES:
        msg = f"logo.path: {path} has {path.stat().st_size:,} bytes; valid: {_VALID}."
        raise StudyError(msg)
    _require_picture(path, content)
    return content


def _require_picture(path: Path, content: bytes) -> None:
    """Decode the whole picture, so that a damaged file is not published."""
    from PIL import Image  # noqa: PLC0415 (studies without a logo do not need it)

    place = f"logo.path: {path} has {len(content):,} bytes"
    try:
        # a picture with too many pixels is refused below, before it is decoded
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image,
        ):
            width, height = image.size
            n_frames = getattr(image, "n_frames", 1)
            is_small = max(width, height) <= MAX_PIXELS
            if is_small:
                image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        msg = f"{place}, which cannot be decoded as a picture; valid: {_VALID}."
        raise StudyError(msg) from error
    if not is_small:
        msg = f"{place} and {width:,} × {height:,} pixels; valid: {_VALID}."
        raise StudyError(msg)
    if n_frames > 1:
        msg = f"{place} and {n_frames} frames; valid: {_VALID}."
        raise StudyError(msg)
