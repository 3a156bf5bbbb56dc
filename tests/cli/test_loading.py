import json
from pathlib import Path

import pytest

from rater.cli.loading import load_model
from rater.errors import ModelError


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
