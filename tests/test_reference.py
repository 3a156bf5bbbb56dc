"""Hold the reference pages against the code they are written from."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import rater
import rater.analysis
import rater.steering
import rater.workspace

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code has them now; made in a process of its own, since click remembers its options."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, DOCS.parent / "tools" / "make_reference.py", folder], check=True)
    return folder


@pytest.mark.parametrize(
    "page", ["study.md", "commands.md", "data.md", "steering.md", "measure.md", "analysis.md", "workspace.md"]
)
def test_a_reference_page_says_what_the_code_says(made: Path, page: str) -> None:
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert written == (made / page).read_text(encoding="utf-8"), "out of date; run: make reference"


def test_every_field_that_an_experimenter_can_set_has_a_meaning(made: Path) -> None:
    assert "see its docstring" not in (made / "study.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "said",
    [
        (
            "concepts are a random factor. Valid: `'raters+prompts'`, `'raters+prompts+concepts'`, "
            "`'raters+concepts'`, `'raters'`, `'prompts'`. |"
        ),
        "Valid: `'together'`, `'blocks'`, `'one_per_rater'`. |",
        "Valid: `'space'`, `'model'`, a whole number, `None`. |",
        "Valid: `'front'`, `'mid'`, `'back'`, whole numbers in brackets. |",
        "Valid: `'keep'`, `'exclude'`. |",
        "## PROLIFIC\n\nThe parameters that Prolific adds to the link; its participant IDs are 24",
        '    participant_id="workerId",\n    other_parameters=("assignmentId", "hitId"),',
        "random_control(arm, *, seed=0, name=None)",
        "- `doses`: The dose of each arm; 0 is the dose of the unsteered arm.",
    ],
)
def test_the_fields_of_a_study_say_which_values_are_valid(made: Path, said: str) -> None:
    assert said in (made / "study.md").read_text(encoding="utf-8")


def test_whatever_a_study_file_can_import_has_an_entry(made: Path) -> None:
    text = (made / "study.md").read_text(encoding="utf-8")

    assert [name for name in rater.__all__ if name[0] != "_" and f"## {name}\n" not in text] == []


@pytest.mark.parametrize("library", [rater.steering, rater.analysis, rater.workspace])
def test_whatever_a_library_exports_has_an_entry_and_its_fields_a_meaning(
    made: Path, library: ModuleType
) -> None:
    text = (made / f"{library.__name__.removeprefix('rater.')}.md").read_text(encoding="utf-8")

    assert [name for name in library.__all__ if f"### {name}\n" not in text] == []
    assert [line for line in text.splitlines() if line.endswith("|  |")] == []


def test_every_method_of_a_workspace_has_an_entry_inherited_ones_too(made: Path) -> None:
    text = (made / "workspace.md").read_text(encoding="utf-8")

    public = [name for name in dir(rater.workspace.Workspace) if not name.startswith("_")]

    missing = [
        name
        for name in public
        if f"#### Workspace.{name}\n" not in text and not re.search(rf"^\| `{name}[`(]", text, re.MULTILINE)
    ]
    assert missing == []


def test_the_methods_of_a_workspace_are_shown_with_their_arguments(made: Path) -> None:
    text = (made / "workspace.md").read_text(encoding="utf-8")

    assert (
        "#### Workspace.publish\n\n```python\npublish(\n    name: str,\n    *,\n    hold: bool = False,\n"
        in text
    )
    assert "    **options,\n) -> Generated\n" in text
    assert "- `hold`: Whether the study stays closed to raters until `open`.\n" in text
    assert '```python\nworkspace = Workspace("rater-data")\n' in text


@pytest.mark.parametrize(
    "said",
    [
        "    at: Literal['last', 'each'] = 'last',\n) -> Tensor[..., d_vocab]\n",
        "| `activations` | `Tensor[pos, d_model]` | Activations, including the coefficient. |",
        "| `samples_per_prompt` | `int` |",
        "\n\nYields: The vectors, and the tokens that they changed.\n",
        "### XVector\n\nAs in a study file: [its fields](study.md#xvector).\n",
    ],
)
def test_the_steering_library_is_shown_as_its_source_has_it(made: Path, said: str) -> None:
    assert said in (made / "steering.md").read_text(encoding="utf-8")
