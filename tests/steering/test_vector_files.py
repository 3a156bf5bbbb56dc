import hashlib
import json
import re
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import load_model
from rater.steering.vector_files import (
    load_vectors,
    model_fingerprint,
    read_header,
    save_vectors,
    tokenizer_fingerprint,
)
from rater.steering.vectors import SteeringVector
from rater.study.arms import VectorFile, XVector

pytestmark = pytest.mark.model


def ones(hook_point: str = "blocks.6.hook_resid_post", **place: object) -> SteeringVector:
    return SteeringVector(hook_point, torch.ones(1, 576), **place)  # type: ignore[arg-type] # one of two fields


@pytest.fixture
def saved(embedded_model: TransformerBridge, tmp_path: Path) -> Path:
    path = tmp_path / "love.safetensors"
    love = resolve(embedded_model, [XVector("Love", "Hate", coeff=1, at=6)])
    save_vectors(
        path, [*love, ones(position=(1, -1))], embedded_model, made="Love − Hate, padded with spaces"
    )
    return path


def test_vectors_come_back_as_they_were(saved: Path, embedded_model: TransformerBridge) -> None:
    love = resolve(embedded_model, [XVector("Love", "Hate", coeff=1, at=6)])

    assert load_vectors(saved, embedded_model) == [*love, ones(position=(1, -1))]


def test_the_header_says_what_the_vectors_are(saved: Path, embedded_model: TransformerBridge) -> None:
    header = read_header(saved)

    described = json.loads(header["vectors"])
    assert header["operation"] == "add"
    assert header["made"] == "Love − Hate, padded with spaces"
    assert header["model"] == "smollm2-135m-instruct"
    assert header["model_fingerprint"] == model_fingerprint(embedded_model)
    assert header["tokenizer_fingerprint"] == tokenizer_fingerprint(embedded_model)
    assert "hook_resid_pre is the residual stream before block N" in header["layers"]
    assert [each["hook_point"] for each in described] == [
        "blocks.6.hook_resid_pre",
        "blocks.6.hook_resid_post",
    ]
    assert described[0]["norms"] == pytest.approx([0.0, 567.563, 572.234], abs=0.01)
    assert described[1]["position"] == [1, -1]


def test_a_study_takes_a_vector_from_a_file(saved: Path, embedded_model: TransformerBridge) -> None:
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    love = resolve(embedded_model, [XVector("Love", "Hate", coeff=1, at=6)])

    made = resolve(embedded_model, [VectorFile(str(saved), coeff=-2, sha256=digest)])

    assert made == (-2 * love[0], -2 * ones(position=(1, -1)))


def test_a_study_may_add_a_saved_vector_at_other_positions(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    path = tmp_path / "ones.safetensors"
    save_vectors(path, [ones(when="all")], embedded_model, made="by hand")

    [back] = resolve(embedded_model, [VectorFile(str(path), coeff=1, position="back")])
    [generated] = resolve(embedded_model, [VectorFile(str(path), coeff=1, when="generated")])

    assert (back.position, back.when) == ("back", "prompt")
    assert (generated.position, generated.when) == ("front", "generated")


def test_a_file_that_changed_is_refused(saved: Path, embedded_model: TransformerBridge) -> None:
    expected = "0" * 64

    with pytest.raises(
        ModelError, match=rf"additions\[0\] names .* with the SHA-256 {expected}, but the file"
    ):
        resolve(embedded_model, [VectorFile(str(saved), coeff=1, sha256=expected)])


@pytest.mark.parametrize("field", ["model_fingerprint", "tokenizer_fingerprint"])
def test_a_file_for_another_model_is_refused(
    field: str, saved: Path, embedded_model: TransformerBridge
) -> None:
    header = read_header(saved) | {field: "beef", "model": "gpt2-xl"}
    save_file({"0": torch.ones(1, 576), "1": torch.ones(1, 576)}, saved, header)

    kind = field.removesuffix("_fingerprint")
    with pytest.raises(
        ModelError, match=rf"made with the {kind} of 'gpt2-xl' \(fingerprint beef\), but the {kind}"
    ):
        load_vectors(saved, embedded_model)


def test_a_fingerprint_does_not_depend_on_the_precision(embedded_model: TransformerBridge) -> None:
    halved = load_model("smollm2-135m-instruct", device="cpu", dtype=torch.bfloat16)

    assert model_fingerprint(halved) == model_fingerprint(embedded_model)
    assert re.fullmatch(r"[0-9a-f]{16}", model_fingerprint(halved))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.safetensors", None, "which cannot be read: No such file or directory"),
        ("broken.safetensors", b"not a tensor", "cannot be read as safetensors"),
        ("broken.gguf", b"not a vector", "cannot be read as GGUF"),
    ],
)
def test_a_file_that_is_none_is_refused(
    name: str, content: bytes | None, message: str, embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelError, match=message):
        load_vectors(path, embedded_model)


def test_safetensors_of_others_are_refused(embedded_model: TransformerBridge, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(2)}, path)

    with pytest.raises(ModelError, match="has the format None; valid: 'rater steering vectors 1'"):
        load_vectors(path, embedded_model)


def test_nothing_is_left_where_a_file_cannot_be_written(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"could not be written to .*nowhere"):
        save_vectors(tmp_path / "nowhere" / "x.safetensors", [ones()], embedded_model, made="by hand")
    with pytest.raises(ModelError, match=r"x\.safetensors is \[\]; valid: a list of one"):
        save_vectors(tmp_path / "x.safetensors", [], embedded_model, made="by hand")
    with pytest.raises(ModelError, match=r"cannot be written to x\.gguf"):
        save_vectors(tmp_path / "x.gguf", [ones()], embedded_model, made="by hand")

    assert list(tmp_path.iterdir()) == []


def write_as_repeng(path: Path, directions: dict[int, list[float]], model_type: str = "llama") -> None:
    """Do what repeng's `ControlVector.export_gguf` does, call by call."""
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", model_type)
    writer.add_uint32("controlvector.layer_count", len(directions))
    for layer, direction in directions.items():
        writer.add_tensor(f"direction.{layer}", np.array(direction, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_control_vector_of_repeng_is_added_after_its_blocks_to_all_tokens(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    path = tmp_path / "happy.gguf"
    write_as_repeng(path, {1: [1.0] * 576, 29: [2.0] * 576})

    vectors = load_vectors(path, embedded_model)

    assert vectors == [
        ones("blocks.1.hook_resid_post", when="all"),
        2 * ones("blocks.29.hook_resid_post", when="all"),
    ]


def test_a_control_vector_is_written_as_llama_cpp_reads_it(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    path = tmp_path / "written.gguf"
    vectors = [
        ones("blocks.6.hook_resid_post", when="all"),
        ones("blocks.7.hook_resid_pre", when="all"),  # the same place by its other name
        3 * ones("blocks.9.hook_resid_post", when="all"),
    ]

    save_vectors(path, vectors, embedded_model, made="by hand")

    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.model_hint"] == "llama"
    assert fields["controlvector.layer_count"] == 2
    assert {tensor.name: (tensor.tensor_type, tensor.data.shape) for tensor in reader.tensors} == {
        "direction.6": (gguf.GGMLQuantizationType.F32, (576,)),
        "direction.9": (gguf.GGMLQuantizationType.F32, (576,)),
    }
    assert load_vectors(path, embedded_model) == [
        2 * ones("blocks.6.hook_resid_post", when="all"),
        3 * ones("blocks.9.hook_resid_post", when="all"),
    ]


@pytest.mark.parametrize(
    "vector",
    [
        ones("blocks.6.hook_resid_post"),  # the prompt's BOS only
        ones("blocks.1.hook_resid_pre", when="all"),  # after block 0, which llama.cpp refuses
        ones("blocks.6.hook_mlp_out", when="all"),
    ],
)
def test_what_a_control_vector_cannot_say_is_not_written(
    vector: SteeringVector, embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    with pytest.raises(
        ModelError, match=r"cannot be written to x\.gguf: a GGUF control vector is added after"
    ):
        save_vectors(tmp_path / "x.gguf", [vector], embedded_model, made="by hand")


@pytest.mark.parametrize(
    ("directions", "model_type", "message"),
    [
        ({3: [1.0] * 576}, "qwen2", "for models of type 'qwen2', but smollm2-135m-instruct is 'llama'"),
        ({30: [1.0] * 576}, "llama", "has 'direction.30', but smollm2-135m-instruct has layers 0–29"),
        ({}, "llama", r"holds no tensor named direction\.N"),
    ],
)
def test_a_control_vector_for_another_model_is_refused(
    directions: dict[int, list[float]],
    model_type: str,
    message: str,
    embedded_model: TransformerBridge,
    tmp_path: Path,
) -> None:
    path = tmp_path / "other.gguf"
    write_as_repeng(path, directions, model_type)

    with pytest.raises(ModelError, match=message):
        load_vectors(path, embedded_model)


def test_a_control_vector_of_another_width_is_refused(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    path = tmp_path / "wide.gguf"
    write_as_repeng(path, {3: [1.0] * 768})

    with pytest.raises(ModelError, match=r"has 768 dimensions, but the residual stream of .* has 576"):
        resolve(embedded_model, [VectorFile(str(path), coeff=1)])


def test_a_hint_is_understood_as_llama_cpp_and_as_transformers_write_it(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    # llama.cpp runs Mistral's models, whose type transformers calls "mistral", as "llama".
    path = tmp_path / "mistral.GGUF"
    write_as_repeng(path, {3: [1.0] * 576}, "mistral")

    assert load_vectors(path, embedded_model) == [ones("blocks.3.hook_resid_post", when="all")]


def test_only_vectors_are_saved(embedded_model: TransformerBridge, tmp_path: Path) -> None:
    declared: Any = [XVector("Love", "Hate", coeff=1, at=6)]

    with pytest.raises(ModelError, match=r"has XVector\(.*; valid: vectors, as `resolve` makes them"):
        save_vectors(tmp_path / "x.safetensors", declared, embedded_model, made="by hand")
    alone: Any = ones()
    with pytest.raises(ModelError, match=r"is SteeringVector\(.*; valid: a list of one vector or more"):
        save_vectors(tmp_path / "x.safetensors", alone, embedded_model, made="by hand")
