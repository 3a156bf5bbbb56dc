"""Load a study file: run it once, take its `study`, and say in plain words what is wrong with it."""

import contextlib
import linecache
import runpy
import sys
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from rater.errors import StudyError, nearest
from rater.study.arms import Outside
from rater.study.explain import explain
from rater.study.outside import read_outside
from rater.study.study import Study


def load_study(path: Path) -> Study:
    """Run a study file and return the `Study` it calls `study`, with the hashes of what lies beside it.

    Raises:
        StudyError: there is no such file, it fails, what it declares is not a valid study, or a file of
            completions that it names does not fit it.
    """
    if path.is_dir():
        files = sorted(str(file) for file in path.glob("*.py"))
        such = f", such as {files[0]}" if files else " (there is none in it)"
        msg = f"{path} is a folder; name a study file{such}."
        raise StudyError(msg)
    if not path.is_file():
        valid = sorted(
            {str(file) for folder in (Path("experiments"), path.parent) for file in folder.glob("*.py")}
        )
        msg = f"There is no study file {path}.{nearest(str(path), valid) if valid else ''}"
        raise StudyError(msg)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what it prints is no part of a command's result
            names = runpy.run_path(str(path))
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in explain(error))
        msg = f"{_place_in(path, error).name}: {error.title} is not valid.\n{problems}"
        raise StudyError(msg) from error
    except (Exception, SystemExit) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        place = _place_in(path, error)
        said = ": ".join(filter(None, (type(error).__name__, reason)))
        msg = "\n  ".join(filter(None, (f"{place.name} fails with {said}", place.source)))
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
    """Let the study's own hash cover the files of completions that it names; all are checked on the way."""
    samples = study.sampling.samples_per_prompt
    arms = [
        arm.model_copy(
            update={
                "sha256": read_outside(arm, folder, study.prompts, samples_per_prompt=samples).sha256,
            }
        )
        if isinstance(arm, Outside)
        else arm
        for arm in study.arms
    ]
    return study.model_copy(update={"arms": tuple(arms)})


class _Place(NamedTuple):
    """Where a study file fails: the file with its line, and what stands there."""

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
