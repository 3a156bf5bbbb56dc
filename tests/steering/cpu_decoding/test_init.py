"""The package has one interface."""

import ast
from pathlib import Path

import pytest

import rater
from rater.steering import cpu_decoding

PACKAGE = "rater.steering.cpu_decoding"
MODULES = sorted(Path(rater.__file__).parent.rglob("*.py"))


def test_no_other_module_imports_a_part_of_the_package() -> None:
    importers = {
        path.parent.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}.")
    }

    assert importers == {"cpu_decoding"}


def test_all_names_are_exported() -> None:
    assert [name for name in cpu_decoding.__all__ if not hasattr(cpu_decoding, name)] == []
    with pytest.raises(AttributeError, match="nothing"):
        cpu_decoding.nothing  # noqa: B018 (its look-up is what fails)
