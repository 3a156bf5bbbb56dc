"""The package has one interface."""

import ast
import subprocess
import sys
from pathlib import Path

import rater

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


def test_the_package_loads_no_torch() -> None:
    code = (
        f"import sys, {PACKAGE} as p; p.MAX_PACKED_BYTES; assert 'torch' not in sys.modules; p.fast_decoder"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_numba_is_imported_for_a_step_only_since_vllm_does_not_start_after_it() -> None:
    code = (
        "import sys, rater.steering.batch, rater.steering.likelihood, rater.generate.engines.torch_engine;"
        "from rater.steering.cpu_decoding import fast_decoder; fast_decoder;"
        "assert 'numba' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
