"""Models that are divided over devices; `test_device.py` has two devices that refuse each other's tensors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PretrainedConfig

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path
from rater.errors import ModelError
from rater.steering.bridge import bridge_of, devices_of, load_model
from rater.steering.completions import Draws, generate
from rater.steering.placement import place_modules
from rater.study.additions import DatasetVector, XVector

pytestmark = pytest.mark.model
N_LAYERS = 30
MB = 2**20


@pytest.fixture(scope="module")
def config() -> PretrainedConfig:
    """The configuration of the embedded model, whose weights have 538 MB in float32."""
    found: PretrainedConfig = AutoConfig.from_pretrained(str(embedded_model_path()))
    return found


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> TransformerBridge:
    """The embedded model, half of whose layers are read from the disk whenever they run."""
    path = str(embedded_model_path())
    rest = ("model.embed_tokens", "model.rotary_emb", "model.norm", "lm_head")
    plain = AutoModelForCausalLM.from_pretrained(
        path,
        dtype=torch.float32,
        device_map=dict.fromkeys(rest, "cpu")
        | {f"model.layers.{n}": "cpu" if n < N_LAYERS // 2 else "disk" for n in range(N_LAYERS)},
        offload_folder=str(tmp_path_factory.mktemp("weights")),
    )
    return bridge_of(EMBEDDED_MODEL, plain, AutoTokenizer.from_pretrained(path))


@pytest.mark.slow
@pytest.mark.parametrize("draws", [{"temperature": 0}, {"top_p": 0.5, "samples_per_prompt": 2}])
def test_a_divided_model_generates_the_tokens_of_an_undivided_one(
    draws: dict[str, float], divided: TransformerBridge, embedded_model: TransformerBridge
) -> None:
    arms: dict[str, Sequence[Any]] = {
        "unsteered": (),
        "early": (XVector("Love", "Hate", coeff=5, at=6, pad="space"),),
        "late": (DatasetVector(("I love it",), ("I hate it",), at=20, coeff=2, read="last", when="all"),),
    }
    sampling = Draws.model_validate({"max_new_tokens": 4, **draws})

    made, expected = (
        generate(model, ["I hate you because"], arms, sampling) for model in (divided, embedded_model)
    )

    assert [each.token_ids for each in made] == [each.token_ids for each in expected]
    for one, other in zip(made, expected, strict=True):
        assert one.measurements is not None
        assert other.measurements is not None
        assert one.measurements.nll == pytest.approx(other.measurements.nll, abs=1e-4)
    assert len({each.token_ids for each in made}) > len(made) // 2
    assert len(devices_of(divided)) == 2


@pytest.mark.parametrize("n_gpus", [2, 3])
def test_each_gpu_is_given_about_as_many_whole_blocks(n_gpus: int, config: PretrainedConfig) -> None:
    placed = place_modules("m", config, torch.float32, dict.fromkeys(range(n_gpus), 2**40))

    blocks = [gpu for module, gpu in placed.items() if module.startswith("model.layers.")]
    counts = [blocks.count(gpu) for gpu in range(n_gpus)]
    assert sum(counts) == N_LAYERS
    assert blocks == sorted(blocks, key=int)
    assert min(counts) > 0
    assert placed["model.embed_tokens"] == 0


def test_a_gpu_with_little_memory_is_given_few_blocks(config: PretrainedConfig) -> None:
    placed = place_modules("m", config, torch.float32, {0: 200 * MB, 1: 2**40})

    blocks = [gpu for module, gpu in placed.items() if module.startswith("model.layers.")]
    # 80 % of the memory less the embedding's 113 MB is enough for three blocks of 14 MB
    assert 1 <= blocks.count(0) <= 3


def test_a_model_that_all_gpus_together_do_not_hold_is_refused(config: PretrainedConfig) -> None:
    with pytest.raises(ModelError, match=r"'m' does not fit .* take 0\.5 GB.* on 2 GPUs.* bfloat16"):
        place_modules("m", config, torch.float32, {0: 300 * MB, 1: 300 * MB})

    place_modules("m", config, torch.bfloat16, {0: 300 * MB, 1: 300 * MB})


def test_without_gpus_all_of_them_are_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")

    assert devices_of(load_model(EMBEDDED_MODEL, device="auto")) == [torch.device("cpu")]


def test_a_module_on_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'cuda:99' cannot be used here"):
        load_model(tmp_path, device={"model": "cpu", "lm_head": 99})
