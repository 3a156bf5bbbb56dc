import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[2]
METADATA = """Metadata-Version: 2.4
Name: engine
Version: 1.0
Requires-Dist: torch==2.13.0
Requires-Dist: Torch_Audio>=2; platform_machine == "x86_64"
Requires-Dist: numpy>=2,<3
Requires-Dist: pandas>=2; extra == "bench"
Requires-Dist: tqdm; python_version >= "3.0"
"""


def test_the_requirements_of_a_wheel_are_listed_without_extras_and_without_some(tmp_path: Path) -> None:
    wheel = tmp_path / "engine-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("engine-1.0.dist-info/METADATA", METADATA)
    tool = ROOT / "tools" / "list_requirements.py"

    printed = subprocess.run(
        [sys.executable, tool, wheel, "--without", "torch", "torch-audio"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert printed.split("\n")[:-1] == ["numpy<3,>=2", 'tqdm; python_version >= "3.0"']
