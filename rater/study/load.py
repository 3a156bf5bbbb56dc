"""Load a study file: run it once, take its `study`, and say in plain words what is wrong with it."""

import runpy
from pathlib import Path

from pydantic import ValidationError

from rater.errors import StudyError, nearest
from rater.study.explain import explain
from rater.study.study import Study


def load_study(path: Path) -> Study:
    """Run a study file and return the `Study` it calls `study`.

    Raises:
        StudyError: there is no such file, it fails, or what it declares is not a valid study.
    """
    if not path.is_file():
        valid = sorted(str(file) for file in Path("experiments").glob("*.py"))
        msg = f"There is no study file {path}.{nearest(str(path), valid) if valid else ''}"
        raise StudyError(msg)
    try:
        names = runpy.run_path(str(path))
    except ValidationError as error:
        problems = "\n".join(f"  {problem}" for problem in explain(error))
        msg = f"{path}{_line_in(path, error)}: {error.title} is not valid.\n{problems}"
        raise StudyError(msg) from error
    except (Exception, SystemExit) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        msg = f"{path}{_line_in(path, error)} fails with {type(error).__name__}: {reason}"
        raise StudyError(msg) from error
    return _study_in(path, names)


def _study_in(path: Path, names: dict[str, object]) -> Study:
    study = names.get("study")
    if isinstance(study, Study):
        return study
    if "study" in names:
        msg = f"{path} must define `study = Study(...)`, but its `study` is of type {type(study).__name__}."
    else:
        msg = f"{path} must define `study = Study(...)`, but there is no `study` in it."
    raise StudyError(msg)


def _line_in(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(path):
            lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    return f":{lines[-1]}" if lines else ""
