"""Hold the reference pages against the code they are written from."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["study.md", "commands.md", "data.md"])
def test_a_reference_page_says_what_the_code_says(reference: ModuleType, page: str) -> None:
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert written == f"{reference.pages()[page].rstrip()}\n", "out of date; run: make docs"


def test_every_field_that_an_experimenter_can_set_has_a_meaning(reference: ModuleType) -> None:
    assert "see its docstring" not in reference.pages()["study.md"]
