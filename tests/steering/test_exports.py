import subprocess
import sys
from importlib import import_module

import pytest

import rater.steering


@pytest.mark.parametrize("name", rater.steering.__all__)
def test_every_name_is_there_and_stays_what_it_is(name: str) -> None:
    first = getattr(rater.steering, name)

    # A submodule of the same name would take the name's place once it is imported.
    with pytest.raises(ModuleNotFoundError):
        import_module(f"rater.steering.{name}")
    assert getattr(rater.steering, name) is first


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, rater.steering; print('torch' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"
