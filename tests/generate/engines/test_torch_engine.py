"""The torch engine generates, measures and steers as the functions that it wraps."""

from typing import TYPE_CHECKING

import pytest

from rater.errors import ModelError
from rater.study.additions import ActivationAddition
from rater.study.arms import Sampling

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

    from rater.generate.engines.protocol import GenerationEngine
    from rater.generate.engines.torch_engine import TorchEngine

pytestmark = pytest.mark.model
PROMPT = "I went up to my friend and said"
LOVE = ActivationAddition(coeff=8, act_name=6, prompt="Love")


def test_rows_become_completions_with_the_unsteered_likelihood(
    embedded_engine: "TorchEngine", embedded_model: "TransformerBridge"
) -> None:
    from rater.steering.batch import Row  # noqa: PLC0415 (torch, for these tests only)
    from rater.steering.likelihood import completion_nlls  # noqa: PLC0415 (as above)

    engine: GenerationEngine = embedded_engine
    vectors = engine.resolve([LOVE], place="additions")
    rows = [Row("plain", PROMPT, (), 1), Row("steered", PROMPT, vectors, 1)]
    n_tokens: list[int] = []

    made = list(engine.generate(rows, Sampling(max_new_tokens=4), batch_size=2, on_tokens=n_tokens.append))
    nlls = engine.unsteered_nlls(made, [PROMPT, PROMPT])

    by_key = {each.key: each for each in made}
    assert by_key["plain"].token_ids != by_key["steered"].token_ids
    assert sum(n_tokens) == sum(len(each.token_ids) for each in made) == 8
    expected = completion_nlls(embedded_model, [(PROMPT, each.token_ids) for each in made])
    assert nlls == pytest.approx(expected, abs=1e-4)


def test_versions_name_the_engine_device_and_dtype(embedded_engine: "TorchEngine") -> None:
    versions = embedded_engine.versions

    assert (versions["engine"], versions["device"], versions["dtype"]) == ("torch", "cpu", "torch.float32")
    assert versions["torch"].split("+")[0] == "2.13.0"
    assert embedded_engine.peak_bytes() > 500_000_000  # float32 weights of 135 million parameters


def test_an_addition_that_does_not_fit_is_named(embedded_engine: "TorchEngine") -> None:
    deep = ActivationAddition(coeff=8, act_name=31, prompt="Love")

    with pytest.raises(ModelError, match=r"arms\[1\]\.additions\[0\].* 31"):
        embedded_engine.resolve([deep], place="arms[1].additions")
