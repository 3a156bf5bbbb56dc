import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import plain_model, tokenize
from rater.steering.context import steer
from rater.steering.lens import layer_predictions
from rater.steering.prefill import next_token_logprobs
from rater.study.additions import XVector
from tests.steering.test_architectures import make

pytestmark = pytest.mark.model

TEXT = "The capital of France is"
LOVE = XVector("Love", "Hate", coeff=5, at=6)


def test_the_last_layer_is_the_models_own_prediction(embedded_model: TransformerBridge) -> None:
    found = layer_predictions(embedded_model, TEXT)

    assert len(found) == 31 * 6
    assert [(each.layer, each.position) for each in found[:7]] == [*((0, at) for at in range(6)), (1, 0)]
    last, own = found[-1], next_token_logprobs(embedded_model, TEXT)
    assert (last.token, last.top_token, last.kl_to_final) == (" is", " Paris", 0.0)
    assert last.max_probability == pytest.approx(float(own.max().exp()), abs=1e-4)
    assert last.entropy == pytest.approx(float(-(own.exp() * own).sum()), abs=1e-3)


def test_a_layer_is_read_through_final_norm_and_unembedding(
    embedded_model: TransformerBridge,
) -> None:
    """By transformers alone: hidden_states[28] is the residual stream before block 28."""
    plain = plain_model(embedded_model)
    ids = torch.tensor([tokenize(embedded_model, TEXT)])
    with torch.no_grad():
        output = plain(ids, output_hidden_states=True)
        stream = plain.model.norm(output.hidden_states[28])  # type: ignore[operator] # a Llama
        expected = plain.lm_head(stream)[0, -1].log_softmax(-1)  # type: ignore[operator] # as above
        final = output.logits[0, -1].log_softmax(-1)

    found = layer_predictions(embedded_model, TEXT)[28 * 6 + 5]

    assert found.max_probability == pytest.approx(float(expected.max().exp()), abs=1e-4)
    assert found.kl_to_final == pytest.approx(float((final.exp() * (final - expected)).sum()), abs=1e-3)


def test_an_addition_is_read_from_its_own_layer_on(embedded_model: TransformerBridge) -> None:
    unsteered, steered = (layer_predictions(embedded_model, TEXT, each) for each in ((), [LOVE]))

    is_same = [a.entropy == b.entropy for a, b in zip(unsteered, steered, strict=True)]
    assert all(is_same[: 6 * 6])
    assert not is_same[6 * 6 + 1]  # the first token after BOS, before block 6
    assert not is_same[-1]
    own = next_token_logprobs(embedded_model, TEXT, [LOVE])
    assert steered[-1].max_probability == pytest.approx(float(own.max().exp()), abs=1e-4)


@pytest.fixture
def lens(tmp_path: Path) -> Path:
    """A tuned lens for the embedded model whose maps add nothing."""
    parameters: dict[str, torch.Tensor] = {}
    for layer in range(30):
        parameters |= {f"{layer}.weight": torch.zeros(576, 576), f"{layer}.bias": torch.zeros(576)}
    torch.save(parameters, tmp_path / "params.pt")
    (tmp_path / "config.json").write_text(json.dumps({"base_model_name_or_path": "some/model"}))
    return tmp_path


def change(lens: Path, **changes: torch.Tensor | None) -> None:
    parameters = torch.load(lens / "params.pt", weights_only=True)
    for name, value in changes.items():
        key = name.removeprefix("l").replace("_", ".")
        parameters.pop(key)
        if value is not None:
            parameters[key] = value
    torch.save(parameters, lens / "params.pt")


def test_a_tuned_lens_of_zeros_is_the_logit_lens(embedded_model: TransformerBridge, lens: Path) -> None:
    plain, tuned = (layer_predictions(embedded_model, TEXT, translators=each) for each in (None, lens))

    assert [each.top_token for each in tuned] == [each.top_token for each in plain]
    assert [each.kl_to_final for each in tuned] == pytest.approx(
        [each.kl_to_final for each in plain], abs=1e-3
    )


def test_a_tuned_lens_moves_the_layer_that_it_has_a_map_for(
    embedded_model: TransformerBridge, lens: Path
) -> None:
    """With the weight −1 × identity nothing is left of the stream but the bias."""
    bias = torch.randn(576, generator=torch.Generator().manual_seed(1))
    change(lens, l3_weight=-torch.eye(576), l3_bias=bias)

    plain, tuned = (layer_predictions(embedded_model, TEXT, translators=each) for each in (None, lens))

    model: Any = plain_model(embedded_model)
    with torch.no_grad():
        expected = model.lm_head(model.model.norm(bias)).softmax(-1).max()
    assert [each.max_probability for each in tuned if each.layer == 3] == pytest.approx(
        [float(expected)] * 6, rel=1e-3
    )
    assert [each for each in tuned if each.layer == 4] == [each for each in plain if each.layer == 4]


def test_a_folder_that_is_not_a_lens_of_the_model_is_refused(
    embedded_model: TransformerBridge, lens: Path, tmp_path: Path
) -> None:
    def refused() -> str:
        with pytest.raises(ModelError) as error:
            layer_predictions(embedded_model, TEXT, translators=lens)
        return str(error.value)

    change(lens, l7_bias=torch.zeros(768))
    assert "a lens of the model 'some/model': the bias of layer 7 has the shape (768,)" in refused()
    change(lens, l5_weight=None)
    assert "the weight of layer 5 is missing" in refused()
    (lens / "params.pt").write_bytes(b"no weights")
    assert "cannot be read" in refused()
    (tmp_path / "config.json").unlink()
    assert "valid: a folder of the package tuned-lens" in refused()


def test_a_file_of_weights_cannot_run_code(embedded_model: TransformerBridge, lens: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (lens / "ran",))

    torch.save({"0.weight": Touch()}, lens / "params.pt")

    with pytest.raises(ModelError, match="cannot be read"):
        layer_predictions(embedded_model, TEXT, translators=lens)
    assert not (lens / "ran").exists()


def test_a_model_that_caps_its_logits_is_refused(tmp_path: Path, embedded_model: TransformerBridge) -> None:
    model = make("gemma2", tmp_path, embedded_model.tokenizer)
    assert all(math.isfinite(each.entropy) for each in layer_predictions(model, TEXT))
    plain_model(model).model.norm.weight.data.fill_(2000.0)  # type: ignore[union-attr,operator] # a Gemma

    with pytest.raises(ModelError, match="do not give its own prediction"):
        layer_predictions(model, TEXT)


def test_a_steer_block_is_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="layer_predictions"), steer(embedded_model, [LOVE]):
        layer_predictions(embedded_model, TEXT)
