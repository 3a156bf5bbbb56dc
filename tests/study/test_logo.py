"""A logo is read from its file, is part of the study's hash, and is refused if it is not a small picture."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from rater import Logo, Study
from rater.errors import StudyError
from rater.study.load import declared_study, load_study
from rater.study.logo import MAX_BYTES, with_logo
from rater.study.protocol import Protocol


def picture(width: int = 12, height: int = 4, *, form: str = "PNG", colour: str = "navy") -> bytes:
    kept = BytesIO()
    Image.new("RGB", (width, height), colour).save(kept, form)
    return kept.getvalue()


def animation() -> bytes:
    kept = BytesIO()
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("navy", "red")]
    frames[0].save(kept, "PNG", save_all=True, append_images=frames[1:])
    return kept.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Study]:
    """A function that writes a logo's file and loads a study file next to it."""

    def load(content: bytes, name: str = "logo.png") -> Study:
        tmp_path.joinpath(name).write_bytes(content)
        declared = tmp_path / "study.py"
        declared.write_text(
            "from rater import *\n"
            "study = Study(name='n', title='t', consent='c', instructions='i', prompts=['a', 'b'],\n"
            "    dimensions=[Dimension(name='d', question='q', scale=Likert(low='l', high='h'))],\n"
            "    arms=[Unsteered(), Steered(additions=[XVector('L', 'H', coeff=1, at=6)])],\n"
            f"    logo=Logo(path={name!r}, alt='University of Somewhere'))\n",
            encoding="utf-8",
        )
        return load_study(declared)

    return load


@pytest.mark.parametrize(("form", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_logo_has_the_content_of_its_file_whatever_its_name(
    file: Callable[..., Study], form: str, media_type: str
) -> None:
    content = picture(form=form)

    logo = file(content, "logo.gif").logo

    assert logo is not None
    assert logo.picture is not None
    assert logo.picture.content == content
    assert logo.picture.media_type == media_type
    assert logo.picture.digest == hashlib.sha256(content).hexdigest()[:16]


def test_another_content_is_another_hash_of_the_study(file: Callable[..., Study]) -> None:
    blue, again, red = file(picture()), file(picture()), file(picture(colour="red"))

    assert blue.hash == again.hash
    assert blue.hash != red.hash


def test_the_protocol_of_the_rating_database_keeps_the_picture(file: Callable[..., Study]) -> None:
    study = file(picture())

    read = Protocol.model_validate_json(study.protocol.model_dump_json())

    assert read.logo == study.logo


def test_a_study_without_a_logo_stays_as_it_is(study: Study, tmp_path: Path) -> None:
    assert with_logo(study, tmp_path) is study


def test_a_logo_of_a_study_in_a_notebook_is_read_from_the_current_folder(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("logo.png").write_bytes(picture())
    monkeypatch.chdir(tmp_path)

    read, _ = declared_study(study.model_copy(update={"logo": Logo(path="logo.png", alt="Somewhere")}))

    assert read.logo is not None
    assert read.logo.picture is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has 0 bytes, which cannot be decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "cannot be decoded"),
        (b"GIF89a" + bytes(40), "cannot be decoded"),
        (picture(form="GIF"), "cannot be decoded"),
        (picture(300, 300)[:-40], "cannot be decoded"),
        (picture(form="JPEG")[:100], "cannot be decoded"),
        (picture(2_001, 3), "2,001 × 3 pixels"),
        (picture(1, 20_000), "1 × 20,000 pixels"),
        (picture() + bytes(MAX_BYTES), f"{len(picture()) + MAX_BYTES:,} bytes"),
        (animation(), "2 frames"),
    ],
    ids=["empty", "svg", "not a gif", "gif", "cut png", "cut jpeg", "wide", "high", "large", "animated"],
)
def test_other_files_are_refused_with_their_name_and_what_is_valid(
    file: Callable[..., Study], content: bytes, reason: str
) -> None:
    with pytest.raises(StudyError, match=re.escape(reason)) as error:
        file(content)

    assert "logo.png" in str(error.value)
    assert "valid: a PNG or JPEG file of at most 32 KB" in str(error.value)


def test_a_picture_of_very_many_pixels_is_refused_before_it_is_decoded(file: Callable[..., Study]) -> None:
    kept = BytesIO()
    Image.new("1", (14_000, 14_000)).save(kept, "PNG")

    with pytest.raises(StudyError, match=r"has [0-9,]+ bytes"):
        file(kept.getvalue())


def test_a_missing_file_is_named(study: Study, tmp_path: Path) -> None:
    with_one = study.model_copy(update={"logo": Logo(path="nowhere.png", alt="Somewhere")})

    with pytest.raises(StudyError, match=r"nowhere\.png cannot be read \(No such file"):
        with_logo(with_one, tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not base64!", "content is not base64"),
        (b64encode(b"<svg></svg>").decode(), "valid: a PNG or JPEG file"),
        (b64encode(picture() + bytes(MAX_BYTES)).decode(), "valid: a PNG or JPEG file"),
    ],
    ids=["text", "svg", "large"],
)
def test_a_content_that_is_no_picture_is_refused(content: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Logo(path="logo.png", alt="Somewhere", content=content)


def test_a_logo_needs_an_alternative_text() -> None:
    with pytest.raises(ValidationError, match="alt"):
        Logo(path="logo.png", alt=" ")
