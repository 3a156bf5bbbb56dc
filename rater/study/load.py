"""Load a study file, and name the place of what is wrong in it."""

import contextlib
import linecache
import runpy
import sys
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from rater.errors import ModelError, StudyError, nearest
from rater.study import arms, label_choice, practice_and_checks, scales
from rater.study.arms import ExternalCompletions
from rater.study.external_completions import read_external_completions
from rater.study.logo import with_logo
from rater.study.study import Study
from rater.study.validation import describe

_CLASSES = {
    "authored": "AttentionCheck",
    "shuffled": "ShuffledWords",
    **scales.CLASS_NAMES,
    **arms.CLASS_NAMES,
}
TAGS = {
    tag: _CLASSES.get(tag, tag)
    for tag in arms.TAGS
    | set(scales.CLASS_NAMES)
    | practice_and_checks.CHECK_KINDS
    | label_choice.OPTION_TAGS
}
"""The class of each tag that pydantic adds to the place of a value in a study."""


def declared_study(study: Study | str | Path) -> tuple[Study, Path]:
    """Return a study that is given as an object or by its file, and the folder that its files are in.

    Raises:
        StudyError: as `load_study`.
    """
    if isinstance(study, Study):
        return with_logo(study, Path()), Path()
    path = Path(study)
    return load_study(path), path.parent


def load_study(path: Path) -> Study:
    """Run a study file and return its `study`, with hashes of files of completions, and with its logo.

    Raises:
        StudyError: If the file does not exist or fails, if its study is not valid, if a file of external
            completions does not match the study, or if its logo cannot be read or is not a valid picture.
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
    except (ModelError, ValidationError) as error:
        problem = describe(error, tags=TAGS) if isinstance(error, ValidationError) else str(error)
        msg = f"{_place_in(path, error).name}: {problem}"
        raise StudyError(msg) from error
    except (Exception, SystemExit) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        if reason.startswith("BaseModel.__init__() takes 1 positional argument"):
            reason = 'the parts of a study take their values by name, such as Dimension(name="happiness", …)'
        place = _place_in(path, error)
        cause = ": ".join(filter(None, (type(error).__name__, reason)))
        msg = "\n  ".join(filter(None, (f"{place.name} fails with {cause}", place.source)))
        raise StudyError(msg) from error
    return with_logo(_with_hashes(_study_in(path, names), path.parent), path.parent)


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
                    arm, folder, study.rated_items, samples_per_prompt=samples, rated=study.rated_part
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
