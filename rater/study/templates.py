"""Templates of study files: list them, and write a new study file from one."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from rater.errors import StudyError, nearest
from rater.study.declaration import MAX_NAME_LENGTH, NAME_PATTERN

TEMPLATES = (
    "love_vs_hate",
    "anger_vs_calm",
    "dose_response",
    "praise_vs_hurt",
    "weddings",
    "which_concept",
    "style_vectors",
    "axbench_people",
    "templates/first_study",
    "templates/pairwise",
    "templates/best_worst",
    "templates/odd_one_out",
    "templates/prompted_baseline",
    "templates/external_completions",
    "templates/items",
    "templates/concepts",
    "templates/chat",
    "templates/questionnaire",
    "templates/whole_visit",
)
"""Listed by path, because the folder of a checkout may also contain studies of users."""
_DATA = "completions.jsonl"
"""File of external completions that some templates read, in the same folder."""


@dataclass(frozen=True)
class Template:
    """A complete study file that is distributed with rater."""

    name: str
    summary: str
    path: Path


def list_templates() -> list[Template]:
    """Return the study files that are distributed with rater."""
    files = [_folder() / f"{path}.py" for path in TEMPLATES]
    return [Template(file.stem, _summary(file), file) for file in files]


def write_study(path: Path, template_name: str) -> list[Path]:
    """Write a new study file from a template, with its file of completions; return the paths.

    Args:
        path: The new file, such as ``mine.py``; its stem becomes the name of the study.
        template_name: The name of a template.

    Raises:
        StudyError: If the template does not exist, the name is not valid, or a file exists already.
    """
    template = _find(template_name)
    is_name = len(path.stem) <= MAX_NAME_LENGTH and re.match(NAME_PATTERN, path.stem)
    if path.suffix != ".py" or not is_name:
        msg = (
            f"{str(path)!r} is not a valid study name; valid: a-z, 0-9, _ and -, starting with a "
            "letter or digit, such as my_study"
        )
        raise StudyError(msg)
    source = template.path.read_text(encoding="utf-8")
    source = source.replace(f'    name="{template.name}",', f'    name="{path.stem}",', 1)
    contents = {path: source}
    if f'"{_DATA}"' in source:
        data = path.with_name(f"{path.stem}.jsonl")
        contents = {
            data: template.path.with_name(_DATA).read_text(encoding="utf-8"),
            path: source.replace(_DATA, data.name),
        }
    for file in contents:
        if file.exists():
            msg = f"{file} already exists and is not overwritten; choose another name."
            raise StudyError(msg)
    for file, content in contents.items():
        _write_new(file, content)
    return list(contents)


def _find(name: str) -> Template:
    templates = {template.name: template for template in list_templates()}
    if name not in templates:
        msg = f"Unknown template {name!r}.{nearest(name, templates)}"
        raise StudyError(msg)
    return templates[name]


def _write_new(file: Path, content: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}; choose a folder that you can write to."
        raise StudyError(msg) from error


def _folder() -> Path:
    """Return the folder of study files: in the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "experiments"
    return installed if installed.is_dir() else package.parent / "experiments"


def _summary(file: Path) -> str:
    """Return the first sentence of a study file's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or file.stem
    first = docstring.split("\n\n")[0].replace("\n", " ").removeprefix("Template: ")
    return f"{first[0].upper()}{first[1:]}"
