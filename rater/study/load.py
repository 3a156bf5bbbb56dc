"""Load a study file, and explain what is wrong with it: the place, the value, and what is valid."""

import contextlib
import dataclasses
import linecache
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import rater
from rater.errors import StudyError, nearest
from rater.study import arms, practice_and_checks, scales
from rater.study.arms import ExternalCompletions
from rater.study.external_completions import read_external_completions
from rater.study.study import Study

_DECLARED = {name: declared for name in rater.__all__ if isinstance(declared := getattr(rater, name), type)}
"""The classes of a study file, by name."""
_TAGS = arms.TAGS | set(scales.CLASS_NAMES) | practice_and_checks.CHECK_KINDS
"""Tags that pydantic adds to the place of a value, for the class that it chose."""
_KINDS = {
    "authored": "AttentionCheck",
    "shuffled": "ShuffledWords",
    **scales.CLASS_NAMES,
    **arms.CLASS_NAMES,
}
_VALID = {
    "bool_parsing": "True or False",
    "bool_type": "True or False",
    "control_character": "{reason}",
    "finite_number": "a finite number",
    "is_instance_of": "a list, in brackets: [x, y], or [x] for one",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "dict_type": "a dictionary",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a {class_name}(…)",
    "sequence_str": "a list, in brackets: [x, y], or [x] for one",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text that is not empty",
    "string_type": "a text, in quotes",
    "string_unicode": "a text of whole Unicode characters",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "tuple_type": "a list, in brackets: [x, y], or [x] for one",
    "value_error": "{error}",
}
"""The valid values, by pydantic's type of error; other types keep pydantic's message."""
_PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]*$": "a-z, 0-9, _ and -, starting with a letter or digit, such as 'texts-2'",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "a letter, then letters, digits and _, such as 'PROLIFIC_PID'",
    r"^[\x21-\x7e]{1,64}$": "up to 64 letters, digits and signs of ASCII without a blank, such as 'C1A2B3C4'",
    r"^https://[^\s\"<>\\]{1,1000}$": (
        "an address that begins with https://, without blanks and quotes, such as "
        "'https://app.prolific.com/submissions/complete?cc=C1A2B3C4'"
    ),
    r"^#[0-9a-f]{6}$": "a colour as #rrggbb, such as '#1a4f8b'",
    r"^[0-9a-f]{64}$": (
        "64 digits and letters from a to f, as `sha256sum FILE` prints them, such as "
        "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' of an empty file"
    ),
}
"""The valid values, by the pattern that a text must match."""


def explain(error: ValidationError) -> list[str]:
    """Return one line for each problem of a failed validation, in the order of the fields."""
    return [
        _problem(error.title, detail)
        for detail in error.errors(include_url=False)
        # pydantic also reports a list as too short if only one of its elements is invalid
        if detail["type"] != "too_short" or len(detail["input"]) < detail["ctx"]["min_length"]
    ]


def _problem(title: str, detail: ErrorDetails) -> str:
    place = _place(title, detail["loc"])
    if detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        tags = [_KINDS.get(str(part), str(part)) for part in detail["loc"] if part in _TAGS]
        return f"Unknown field {place}.{_hint(str(detail['loc'][-1]), tags[-1] if tags else title)}"
    if detail["type"] in {"missing", "missing_argument"}:
        return f"{place} is missing."
    if detail["type"] == "unexpected_positional_argument":
        return f"{place} is given without its name; write {title}(…, {place}={_short(detail['input'])})."
    if detail["type"] == "value_error" and (not place or isinstance(detail["input"], BaseModel | Mapping)):
        return _sentence(": ".join(filter(None, [place, str(detail["ctx"]["error"])])))  # inconsistent fields
    if detail["type"] in {"too_short", "too_long"}:
        return f"{place} has {len(detail['input'])}; valid: {_sentence(_valid(detail))}"
    return f"{place} is {_short(detail['input'])}; valid: {_sentence(_valid(detail))}"


def _hint(name: str, home: str) -> str:
    """Return the field of the class with the nearest name, or the one other class that has this field."""
    owners = [other for other in _DECLARED if name in _fields(other)]
    if len(owners) != 1:
        return nearest(name, _fields(home))
    return f" It is a field of {owners[0]}; write {owners[0]}({name}=…)."


def _valid(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(detail["ctx"]["pattern"], detail["msg"])
    if detail["type"] not in _VALID:
        return detail["msg"]
    return _VALID[detail["type"]].format_map(detail.get("ctx", {}))


def _place(title: str, loc: tuple[int | str, ...]) -> str:
    """Return a place as a Python expression: ``arms[1].additions[0].coeff``."""
    fields = _fields(title)
    if loc and isinstance(loc[0], int) and loc[0] < len(fields):
        loc = (fields[loc[0]], *loc[1:])  # a positional argument of a dataclass
    parts = [part for part in loc if part not in _TAGS]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _fields(title: str) -> list[str]:
    declared = _DECLARED.get(title)
    if dataclasses.is_dataclass(declared):
        own = (
            declared.__annotations__
        )  # in the order of the source: positional ones first, inherited ones last
        fields = sorted(dataclasses.fields(declared), key=lambda each: (each.kw_only, each.name not in own))
        return [each.name for each in fields]
    return list(declared.model_fields) if declared and issubclass(declared, BaseModel) else []


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _short(value: object) -> str:
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def declared_study(study: Study | str | Path) -> tuple[Study, Path]:
    """Return a study that is given as an object or by its file, and the folder that its files are in.

    Raises:
        StudyError: as `load_study`.
    """
    if isinstance(study, Study):
        return study, Path()
    path = Path(study)
    return load_study(path), path.parent


def load_study(path: Path) -> Study:
    """Run a study file and return its `study`, with the hashes of its files of external completions.

    Raises:
        StudyError: If the file does not exist or fails, if its study is not valid, or if a file of external
            completions does not match the study.
    """
    if path.is_dir():
        files = sorted(str(file) for file in path.glob("*.py"))
        such = f", such as {files[0]}" if files else " (it contains none)"
        msg = f"{path} is a folder; name a study file{such}."
        raise StudyError(msg)
    if not path.is_file():
        valid = sorted(
            {str(file) for folder in (Path("experiments"), path.parent) for file in folder.glob("*.py")}
        )
        cure = nearest(str(path), valid) if valid else f" To make one, run: rater new {path.with_suffix('')}"
        msg = f"There is no study file {path}.{cure}"
        raise StudyError(msg)
    try:
        with contextlib.redirect_stdout(
            sys.stderr
        ):  # prints of the study file are not part of the output of a command
            names = runpy.run_path(str(path))
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in explain(error))
        msg = f"{_place_in(path, error).name}: {error.title} is not valid.\n{problems}"
        raise StudyError(msg) from error
    except (Exception, SystemExit) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        if reason.startswith("BaseModel.__init__() takes 1 positional argument"):
            reason = 'the parts of a study take their values by name, such as Dimension(name="happiness", …)'
        place = _place_in(path, error)
        cause = ": ".join(filter(None, (type(error).__name__, reason)))
        msg = "\n  ".join(filter(None, (f"{place.name} fails with {cause}", place.source)))
        raise StudyError(msg) from error
    return _with_hashes(_study_in(path, names), path.parent)


def _study_in(path: Path, names: dict[str, object]) -> Study:
    study = names.get("study")
    if isinstance(study, Study):
        return study
    if "study" in names:
        msg = f"{path} must define `study = Study(...)`, but its `study` is of type {type(study).__name__}."
    else:
        msg = f"{path} must define `study = Study(...)`, but there is no `study` in it."
    raise StudyError(msg)


def _with_hashes(study: Study, folder: Path) -> Study:
    """Validate files of external completions, and add their hashes, so that the study's hash covers them."""
    samples = study.sampling.samples_per_prompt
    arms = [
        arm.model_copy(
            update={
                "sha256": read_external_completions(
                    arm, folder, study.rated_items, samples_per_prompt=samples
                ).sha256,
            }
        )
        if isinstance(arm, ExternalCompletions)
        else arm
        for arm in study.arms
    ]
    return study.model_copy(update={"arms": tuple(arms)})


class _Place(NamedTuple):
    """The place of an error in a study file: the file with the line number, and the line."""

    name: str
    source: str


def _place_in(path: Path, error: BaseException) -> _Place:
    lines = [error.lineno] if isinstance(error, SyntaxError) and error.filename == str(path) else []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    if not lines or lines[-1] is None:
        return _Place(str(path), "")
    linecache.checkcache(str(path))
    return _Place(f"{path}:{lines[-1]}", linecache.getline(str(path), lines[-1]).strip())
