"""The figure of the layers is the one of the import contracts."""

import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent.parent
FIGURE = ROOT / "docs" / "images" / "layers.svg"


def test_the_figure_is_up_to_date(tmp_path: Path) -> None:
    drawn = tmp_path / "layers.svg"

    subprocess.run([sys.executable, ROOT / "tools" / "draw_layers.py", drawn], check=True)

    assert FIGURE.read_text(encoding="utf-8") == drawn.read_text(encoding="utf-8"), "run: make reference"


def test_the_figure_names_every_package_of_the_contract_in_its_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    packages = [name for layer in contracts[0]["layers"] for name in layer.split(" | ")]

    drawn = ET.parse(FIGURE).getroot().iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 (our own file)

    assert [text.text for text in drawn][: len(packages)] == packages
