"""Build the wheel and the source distribution, install each without torch or make, and use the commands."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import rater

ROOT = Path(__file__).resolve().parent.parent.parent
STUDY = ROOT / "experiments" / "love_vs_hate.py"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git tracks or could track, as a clean checkout has them."""
    folder = tmp_path_factory.mktemp("source")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():  # a deleted file is listed until the deletion is committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(source)], check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (sdist,) = built.glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="module")
def dependencies(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the dependencies that the wheel declares, no more, and without rater."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    pip_install(folder, "-c", str(ROOT / "constraints.txt"), str(wheel))
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "rater"], check=True
    )
    return folder


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def bare(dependencies: Path, wheel: Path, sdist: Path, request: pytest.FixtureRequest) -> Path:
    """The commands of an environment into which one of the distributions was installed."""
    chosen = {"wheel": wheel, "sdist": sdist}[request.param]
    pip_install(dependencies, "--no-deps", "--force-reinstall", str(chosen))
    return dependencies / "bin"


def pip_install(folder: Path, *arguments: str) -> None:
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *arguments], check=True)


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [command, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environ
    )


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_has_the_package_the_migrations_and_the_experiments_and_no_more(
    wheel: Path, source: Path
) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packaged = {f"rater/{name}" for name in files_in(source / "rater")}
    packaged |= {f"rater/migrations/{name}" for name in files_in(source / "migrations")}
    packaged |= {f"rater/experiments/{name}" for name in files_in(source / "experiments")}

    assert {name for name in names if ".dist-info/" not in name} == packaged
    assert {
        "rater/migrations/sealed/versions/0001_first.py",
        "rater/web/templates/trial.html",
        "rater/web/static/rater.css",
        "rater/web/translations/de/LC_MESSAGES/messages.mo",
        "rater/report/templates/report.html",
        "rater/experiments/templates/pairwise.py",
        "rater/py.typed",
    } <= packaged


def test_the_source_distribution_has_every_file_of_the_repository(sdist: Path, source: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}

    # hatchling adds the metadata
    assert names == files_in(source) | {"PKG-INFO"}


def test_the_commands_work_without_torch(bare: Path, tmp_path: Path) -> None:
    version = run(bare / "rater", "--version", cwd=tmp_path)
    templates = run(bare / "rater", "new", "--list", cwd=tmp_path)
    term = run(bare / "rater", "explain", "REML", cwd=tmp_path)
    made = run(bare / "rater", "new", "mine", cwd=tmp_path)
    checked = run(bare / "rater", "check", "mine.py", cwd=tmp_path)
    torch = run(bare / "python", "-c", "import torch", cwd=tmp_path)

    assert version.stdout == f"rater {rater.__version__}\n"
    assert "pairwise" in templates.stdout
    assert term.stdout.startswith("REML (restricted maximum likelihood)\n"), term.stderr
    assert made.returncode == 0, made.stderr
    assert checked.returncode == 0, checked.stderr
    assert torch.returncode == 1


@pytest.mark.parametrize("verb", [("generate",), ("compare",), ("sweep", "--layers", "2", "--coeffs", "5")])
def test_generating_without_torch_says_what_to_install(
    bare: Path, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    shown = run(bare / "rater", *verb, str(STUDY), cwd=tmp_path)

    assert shown.returncode == 2
    assert "Run: pip install 'rater[generate]'" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_databases_are_made_by_the_migrations_in_the_distribution(bare: Path, tmp_path: Path) -> None:
    code = "from rater.store.rating.open import create_rating; create_rating('sqlite:///rating.db').dispose()"

    made = run(bare / "python", "-c", code, cwd=tmp_path)
    upgraded = run(bare / "rater", "db", "upgrade", "--ratings", "rating.db", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert "rating: revision 0001 (was current)" in upgraded.stdout
