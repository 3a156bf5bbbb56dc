import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.completions import Draws, generate
from rater.steering.sae import sae_vector
from rater.steering.vector_files import read_header, save_vectors
from rater.study.additions import VectorFile

pytestmark = pytest.mark.model

AT = "blocks.8.hook_resid_pre"
DECODER = torch.randn(20, 576, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def sae(tmp_path: Path) -> Path:
    """An autoencoder in the layout of SAELens, with random weights."""
    save_file({"W_dec": DECODER, "b_dec": torch.zeros(576)}, tmp_path / "sae_weights.safetensors")
    (tmp_path / "cfg.json").write_text(json.dumps({"hook_name": AT, "d_in": 576, "d_sae": 20}))
    return tmp_path


def test_a_row_of_the_decoder_is_added_to_every_token(sae: Path, embedded_model: TransformerBridge) -> None:
    vector = sae_vector(sae, 7, embedded_model)

    assert (vector.hook_point, vector.when) == (AT, "all")
    assert torch.equal(vector.activations, DECODER[7:8])


def test_newer_folders_and_ones_own_hook_point(sae: Path, embedded_model: TransformerBridge) -> None:
    (sae / "cfg.json").write_text(json.dumps({"metadata": {"hook_name": "blocks.3.hook_resid_post"}}))

    assert sae_vector(sae, 0, embedded_model).hook_point == "blocks.3.hook_resid_post"
    assert sae_vector(sae, 0, embedded_model, at=5).hook_point == "blocks.5.hook_resid_pre"


def test_a_feature_can_be_an_arm_of_a_study(
    sae: Path, embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    file = tmp_path / "feature.safetensors"
    save_vectors(file, [sae_vector(sae, 7, embedded_model)], embedded_model, made="row 7 of W_dec")
    declared = VectorFile(str(file), relative=0.5)

    (vector,) = resolve(embedded_model, [declared])
    unsteered, steered = generate(
        embedded_model, "We went", {"a": [], "b": [declared]}, Draws(max_new_tokens=8, temperature=0)
    )

    assert read_header(file)["made"] == "row 7 of W_dec"
    cosine = torch.cosine_similarity(vector.activations[0], DECODER[7], dim=0)
    assert float(cosine) == pytest.approx(1, abs=1e-5)
    assert unsteered.text != steered.text


@pytest.mark.parametrize(
    ("feature", "config", "weights", "phrase"),
    [
        (20, None, None, "feature is 20; valid: a number from 0 to 19"),
        (-1, None, None, "feature is -1"),
        (True, None, None, "feature is True"),
        (0, {"hook_name": "blocks.40.hook_resid_pre"}, None, "layers 0–29"),
        (0, {"hook_name": "blocks.8.attn.hook_z"}, None, "blocks.8.attn.hook_z"),
        (0, {"d_in": 576}, None, "has no 'hook_name'"),
        (0, [], None, "has no 'hook_name'"),
        (0, None, {"W_dec": torch.zeros(20, 768)}, "width 768"),
        (0, None, {"W_dec": torch.zeros(576)}, "[576]"),
        (0, None, {"W_enc": torch.zeros(576, 20)}, "has no tensor 'W_dec'"),
    ],
)
def test_what_does_not_fit_is_refused(
    feature: int,
    config: object,
    weights: dict[str, torch.Tensor] | None,
    phrase: str,
    sae: Path,
    embedded_model: TransformerBridge,
) -> None:
    if config is not None:
        (sae / "cfg.json").write_text(json.dumps(config))
    if weights is not None:
        save_file(weights, sae / "sae_weights.safetensors")

    with pytest.raises(ModelError) as refused:
        sae_vector(sae, feature, embedded_model)

    assert phrase in str(refused.value)


def test_a_damaged_or_missing_file_is_refused(sae: Path, embedded_model: TransformerBridge) -> None:
    (sae / "sae_weights.safetensors").write_bytes(b"{}")
    with pytest.raises(ModelError, match="cannot be read"):
        sae_vector(sae, 0, embedded_model)
    (sae / "cfg.json").write_text("{")
    with pytest.raises(ModelError, match="a folder that SAELens saved"):
        sae_vector(sae, 0, embedded_model)
