"""Steer on a device that is not the CPU; `other_device.py` makes one, in a process of its own."""

import json
import os
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
        [sys.executable, script, folder],
        # Threads of transformers that read weights do not see the device.
        env={**os.environ, "HF_DEACTIVATE_ASYNC_LOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_device_refuses_what_cuda_refuses(computed: dict[str, Any]) -> None:
    assert "Expected all tensors to be on the same device" in computed["refused"]
    assert "Expected all tensors to be on the same device" in computed["refused between"]


@pytest.mark.parametrize("model", ["llama", "gpt2"])
@pytest.mark.parametrize("where", ["other", "divided"])
def test_another_device_and_two_of_them_give_the_results_of_the_cpu(
    where: str, model: str, computed: dict[str, Any]
) -> None:
    here, there = computed["cpu"][model], computed[where][model]

    assert len(there) == {"llama": 13, "gpt2": 4}[model]
    assert _approximately(there) == here


def test_the_number_of_devices_is_recorded(computed: dict[str, Any]) -> None:
    assert computed["recorded"] == "2 × other"


def _approximately(value: Any) -> Any:
    """Let the last bits of floats differ; token ids, counts and texts may not."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-4)
    if isinstance(value, list):
        return [_approximately(each) for each in value]
    return {name: _approximately(each) for name, each in value.items()} if isinstance(value, dict) else value
