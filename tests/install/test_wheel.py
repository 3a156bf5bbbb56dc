"""Install the wheel as a person without make would: what is in it, and what it needs."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    make = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*make, str(ROOT)], check=True)
    return next(folder.glob("rater-*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and what it declares, no more; returns its folder of commands."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    return folder / "bin"


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [command, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environ
    )


def test_the_wheel_ships_the_migrations_the_pages_and_its_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "rater/migrations/rating/env.py",
        "rater/migrations/rating/versions/0001_first.py",
        "rater/migrations/sealed/env.py",
        "rater/migrations/sealed/versions/0001_first.py",
        "rater/web/templates/trial.html",
        "rater/web/static/rater.css",
        "rater/py.typed",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "experiments/"))]


def test_help_and_check_work_without_torch(bare: Path, tmp_path: Path) -> None:
    helped = run(bare / "rater", "--help", cwd=tmp_path)
    checked = run(bare / "rater", "check", str(ROOT / "experiments" / "love_vs_hate.py"), cwd=tmp_path)
    torch = run(bare / "python", "-c", "import torch", cwd=tmp_path)

    assert helped.returncode == 0
    assert checked.returncode == 0
    assert torch.returncode == 1


@pytest.mark.parametrize("verb", [("generate",), ("compare",), ("sweep", "--layers", "2", "--coeffs", "5")])
def test_generating_without_torch_says_what_to_install(
    bare: Path, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    study = str(ROOT / "experiments" / "love_vs_hate.py")

    shown = run(bare / "rater", *verb, study, cwd=tmp_path)

    assert shown.returncode == 2
    assert "Run: pip install 'rater[generate]'" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_databases_are_made_by_the_migrations_in_the_wheel(bare: Path, tmp_path: Path) -> None:
    code = "from rater.store.rating.open import create_rating; create_rating('sqlite:///rating.db').dispose()"

    made = run(bare / "python", "-c", code, cwd=tmp_path)
    upgraded = run(bare / "rater", "db", "upgrade", "--ratings", "rating.db", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert "rating: revision 0001 (was current)" in upgraded.stdout
