import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.generate import generate
from rater.cli.model import load_engine, load_model
from rater.errors import ModelError
from rater.generate.engines.protocol import EngineName
from rater.workspace.generation import GenerationOptions


@pytest.fixture
def far_too_large(tmp_path: Path) -> str:
    """A folder whose file says that it holds a hundred million million weights."""
    tensor = {"dtype": "F16", "shape": [10**14], "data_offsets": [0, 2 * 10**14]}
    header = json.dumps({"weight": tensor}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "dtype": "float16"}))
    return str(tmp_path)


def test_a_model_that_memory_does_not_hold_is_warned_of_before_it_is_loaded(
    far_too_large: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match="could not be loaded"):
        load_model(far_too_large, "cpu", "float32")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Loading torch and the model")
    assert lines[1].startswith(
        f"Warning: The weights of {far_too_large} take 400000.0 GB in float32, but only"
    )


@pytest.mark.parametrize("device", ["nonsense", "cuda:x", "meta", ""])
def test_what_is_no_device_is_refused_before_torch_is_loaded(device: str) -> None:
    ran = CliRunner().invoke(generate, ["study.py", "--device", device])

    assert ran.exit_code == 2
    assert f"Unknown device {device!r}; valid: cpu, cuda, a GPU by number such as cuda:1" in ran.output


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_an_engine_that_is_not_installed_is_refused_before_anything_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ModelError, match=r"needs vllm, which is not installed\. Run: pip install"):
        load_engine("smollm2-135m-instruct", GenerationOptions(engine=EngineName.VLLM))

    assert capsys.readouterr() == ("", "")
