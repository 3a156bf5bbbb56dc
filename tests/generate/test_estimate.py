import json
from pathlib import Path
from typing import Any

import pytest

from rater.embedded_model import EMBEDDED_MODEL
from rater.generate.engines.protocol import EngineName
from rater.generate.estimate import (
    advise_workers,
    default_batch_size,
    describe,
    estimate,
    free_memory,
    kept_together,
    likely_device,
    read_checkpoint,
    too_little_memory,
)
from rater.generate.freeze import list_cells
from rater.store.sealed.completions import Cell
from rater.study.study import Study

SEVEN_BILLION = 7_000_000_000
LLAMA_7B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32_000,
    "dtype": "bfloat16",
}


def write_header(file: Path, dtype: str, n_numbers: int) -> None:
    """Write a safetensors file down to its weights, of which none are there."""
    n_bytes = n_numbers * {"BF16": 2, "F32": 4}[dtype]
    tensor = {"dtype": dtype, "shape": [n_numbers], "data_offsets": [0, n_bytes]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.fixture
def seven_billion(tmp_path: Path) -> str:
    """A folder that looks like a model of seven billion parameters, in two files and again in another."""
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for part in [*parts, "consolidated.safetensors"]:
        write_header(tmp_path / part, "BF16", SEVEN_BILLION // 2)
    index = {"weight_map": {"a": parts[0], "b": parts[1], "c": parts[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_7B))
    return str(tmp_path)


def test_weights_are_counted_from_the_files_that_are_loaded(seven_billion: str) -> None:
    checkpoint = read_checkpoint(seven_billion)

    assert checkpoint is not None
    assert (checkpoint.n_weights, checkpoint.dtype) == (SEVEN_BILLION, "bfloat16")
    assert checkpoint.n_bytes() == 14_000_000_000
    assert checkpoint.n_bytes("float32") == 28_000_000_000


def test_a_type_that_the_configuration_leaves_open_is_the_files(tmp_path: Path) -> None:
    write_header(tmp_path / "model.safetensors", "BF16", 1000)
    (tmp_path / "config.json").write_text("{}")

    checkpoint = read_checkpoint(str(tmp_path))

    assert checkpoint is not None
    assert (checkpoint.n_weights, checkpoint.dtype) == (1000, "bfloat16")


def test_a_checkpoint_that_is_not_here_or_is_none_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"cut off")

    assert read_checkpoint(str(tmp_path)) is None
    (tmp_path / "config.json").write_text("[]")
    assert read_checkpoint(str(tmp_path)) is None
    assert read_checkpoint("nobody/no-such-model") is None


def test_weights_that_memory_does_not_hold_are_said_with_what_helps(seven_billion: str) -> None:
    said = too_little_memory(seven_billion, "float32", free=22_000_000_000)

    assert said == (
        f"The weights of {seven_billion} take 28.0 GB in float32, but only 22.0 GB of memory are free. "
        "The system will swap, or kill this process. Use --dtype bfloat16 (half of that), a smaller model or "
        "another --device."
    )
    assert too_little_memory(seven_billion, None, free=22_000_000_000) is None


def test_the_memory_of_a_container_is_what_counts_inside_it(tmp_path: Path) -> None:
    machine = free_memory(tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.stat").write_text("anon 400000\nfile 500000\n")

    assert free_memory(tmp_path) == 600_000
    (tmp_path / "memory.max").write_text("max\n")
    unlimited = free_memory(tmp_path)
    assert machine is not None
    assert unlimited is not None
    assert unlimited > 1_000_000


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", "15.1 GB, of which 14.0 GB are weights in bfloat16; 9.0 GB are free"),
        ("cuda:1", "15.1 GB, of which 14.0 GB are weights in bfloat16"),
    ],
)
def test_a_forecast_names_device_type_and_memory(
    device: str, expected: str, seven_billion: str, study: Study
) -> None:
    cells = [Cell(0, "zebra-arm", sample) for sample in range(16)]

    made = estimate(study, seven_billion, cells, batch_size=16, device=device)
    lines = describe(made, free=9_000_000_000)

    assert f"16 together, on {device}." in lines[0]
    assert lines[1] == f"  memory: about {expected}"


def test_vllm_needs_no_packed_weights_and_takes_a_gpus_whole_memory(seven_billion: str, study: Study) -> None:
    cells = [Cell(0, "zebra-arm", sample) for sample in range(16)]
    options: dict[str, Any] = {"batch_size": 16, "device": "cuda"}

    made = estimate(study, seven_billion, cells, engine=EngineName.VLLM, **options)
    lines = describe(made)

    assert "16 together, on cuda with the engine vllm." in lines[0]
    assert lines[1].endswith("vLLM takes 92 % of the GPU's memory, whatever is needed")
    assert default_batch_size(10_000, EngineName.VLLM) == 512


@pytest.mark.parametrize(("visible", "expected"), [(None, "cuda"), ("0", "cuda"), ("", "cpu"), ("-1", "cpu")])
def test_a_gpu_that_is_hidden_from_cuda_is_not_counted_on(
    visible: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia-smi").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("rater.generate.estimate.version", lambda _: "2.13.0+cu130")  # not the one installed
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert likely_device() == expected


def test_completions_are_kept_by_eighths_of_a_batch() -> None:
    assert [kept_together(n) for n in (1, 64, 128, 512)] == [8, 8, 16, 64]


def test_dividing_pays_for_hours_of_work_and_not_for_minutes(study: Study, seven_billion: str) -> None:
    cells = list_cells(study)

    assert advise_workers(study, {EMBEDDED_MODEL: cells}) is None
    assert advise_workers(study, {"unknown/model": cells}) is None
    advice = advise_workers(study, {seven_billion: cells * 100})

    assert advice is not None
    assert "hours" in advice
    # 2,400 × 50 tokens to generate and 2,400 × 54 to measure, at 2 × 7e9 operations: 35,000 s
    assert "--slurm 59." in advice
