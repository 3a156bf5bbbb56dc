"""Directions of data sets, equal to those that llm-steering's own code computes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.axes import principal_axes
from rater.steering.completions import Draws, generate
from rater.steering.likelihood import text_nll
from rater.study.additions import DatasetVector

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::rater.steering.additions.BosOnlyWarning"),
]

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "toolkit_oracle.json").read_text(encoding="utf-8")
)["dataset"]
LOVE, HATE = ORACLE["positive"], ORACLE["negative"]
VECTORS = {
    "meandiff_last_L6": DatasetVector(LOVE, HATE, coeff=1, at=6),
    "meandiff_all_L6": DatasetVector(LOVE, HATE, coeff=1, at=6, read="tokens"),
    "pca_last_L6": DatasetVector(LOVE, coeff=1, at=6, method="axis"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_dataset_vector_is_llm_steerings(name: str, embedded_model: TransformerBridge) -> None:
    expected = torch.tensor(ORACLE["vector_values"][name])

    [vector] = resolve(embedded_model, [VECTORS[name]])

    found = vector.activations[0]
    if VECTORS[name].method == "axis":  # the oracle's sign is arbitrary
        expected = expected * torch.sign(expected @ found)
    norm = ORACLE["vectors"][name]["norm"]
    assert (found - expected).norm().item() < 1e-4 * norm
    assert found.norm().item() == pytest.approx(norm, rel=1e-4)


@pytest.mark.parametrize("position", ["front", "back"])
def test_text_steered_by_a_dataset_vector_is_llm_steerings(
    position: Any, embedded_model: TransformerBridge
) -> None:
    case = ORACLE[f"greedy20_meandiff_last_L6_{position}"]
    added = DatasetVector(LOVE, HATE, coeff=case["coeff"], at=6, position=position)

    [made] = generate(
        embedded_model,
        case["prompt"],
        {"love": [added]},
        Draws(max_new_tokens=20, temperature=0),
        measure=False,
    )

    assert made.text == case["completion"]
    if position == "front":
        # its loss is of prompt and completion together, under the steered model
        loss = text_nll(embedded_model, "", case["prompt"] + case["completion"], [added])
        assert loss == pytest.approx(case["loss"], abs=5e-4)


def test_an_axis_points_to_the_mean_of_its_texts(embedded_model: TransformerBridge) -> None:
    axes = principal_axes(embedded_model, LOVE, 6, n=3)
    [vector] = resolve(embedded_model, [VECTORS["pca_last_L6"]])

    assert axes.axes.shape == (3, 576)
    assert (axes.axes[0] @ vector.activations[0] / vector.norms()[0]).item() == pytest.approx(1, abs=1e-5)
    assert (axes.axes @ axes.centre >= 0).all()
    assert torch.allclose(axes.axes @ axes.axes.T, torch.eye(3), atol=1e-5)
    assert axes.shares.tolist() == sorted(axes.shares.tolist(), reverse=True)
    assert 0.5 < axes.shares.sum().item() <= 1


def test_centred_axes_hold_the_whole_variance(embedded_model: TransformerBridge) -> None:
    axes = principal_axes(embedded_model, LOVE, "blocks.6.hook_resid_pre", centred=True)

    assert axes.shares.sum().item() == pytest.approx(1)
    assert axes.shares[3].item() == pytest.approx(0, abs=1e-6)  # four centred activations span three axes


def test_every_token_read_bos_is_the_first_axis(embedded_model: TransformerBridge) -> None:
    axes = principal_axes(embedded_model, LOVE, 12, read="tokens")

    assert axes.shares[0].item() > 0.95


@pytest.mark.parametrize(
    ("texts", "arguments", "problem"),
    [
        ([], {}, "texts is []; valid: a list of one text or more"),
        ("love", {}, "texts is 'love'; valid: a list"),
        (["a"], {"n": 0}, "n is 0; valid"),
        (["a"], {"read": "each"}, "read is 'each'"),
        (["a"], {"at": 30}, "at is 30"),
    ],
)
def test_what_has_no_axes_is_refused(
    texts: Any, arguments: dict[str, Any], problem: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError) as caught:
        principal_axes(embedded_model, texts, **{"at": 6, **arguments})

    assert problem in str(caught.value)
