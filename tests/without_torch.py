"""A pytest plugin that skips the tests that need torch, and lists them: `pytest -p tests.without_torch`.

It is for environments without the extra `generate`. Importing a package of that extra skips the test, or the
whole test file, that imports it. Without the plugin a missing package is an error: no test is skipped by
mistake.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import pytest

_GENERATE = ("torch", "transformer_lens", "transformers", "safetensors", "gguf", "jaxtyping")
_REASON = "needs torch"


class _SkipsMissing(MetaPathFinder):
    """Skip the importing test where a package of the extra `generate` is not installed."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = frozenset(missing)

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.missing:
            pytest.skip(f"{_REASON}: imports {fullname}", allow_module_level=True)
        return None


def pytest_configure() -> None:
    missing = [name for name in _GENERATE if find_spec(name) is None]
    if "torch" not in missing:
        msg = "torch is installed here: run pytest without `-p tests.without_torch`"
        raise pytest.UsageError(msg)
    sys.meta_path.insert(0, _SkipsMissing(missing))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.skip(reason=f"{_REASON}: uses the embedded model"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if _REASON in str(report.longrepr)
    ]
    # a report of a test names its file and the test; that of a file or folder, skipped at its import, only it
    whole = sorted({report.nodeid for report in skipped if "::" not in report.nodeid})
    n_tests = Counter(report.nodeid.partition("::")[0] for report in skipped if "::" in report.nodeid)
    terminalreporter.section("skipped without torch")
    for path in whole:
        terminalreporter.line(f"{path}: all tests")
    for path, n in sorted(n_tests.items()):
        terminalreporter.line(f"{path}: {n} tests")
    terminalreporter.line(
        f"Skipped: {len(whole)} whole files or folders, and {n_tests.total()} single tests."
    )
