"""Steer on a device that is not the CPU; `other_device.py` makes one, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script, folder = Path(__file__).with_name("other_device.py"), tmp_path_factory.mktemp("models")
    ran = subprocess.run(
        [sys.executable, script, folder], capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_device_refuses_what_cuda_refuses(computed: dict[str, Any]) -> None:
    assert "Expected all tensors to be on the same device" in computed["refused"]


@pytest.mark.parametrize("model", ["llama", "gpt2"])
def test_another_device_gives_the_results_of_the_cpu(model: str, computed: dict[str, Any]) -> None:
    here, there = computed["cpu"][model], computed["other"][model]

    assert len(there) == {"llama": 12, "gpt2": 4}[model]
    assert _approximately(there) == here


def _approximately(value: Any) -> Any:
    """Let the last bits of floats differ; token ids, counts and texts may not."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-4)
    if isinstance(value, list):
        return [_approximately(each) for each in value]
    return {name: _approximately(each) for name, each in value.items()} if isinstance(value, dict) else value
