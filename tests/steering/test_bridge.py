import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path
from rater.errors import ModelError
from rater.steering.bridge import find_device, load_model, plain_model, stop_tokens, to_text, tokenize


@pytest.mark.model
def test_decoding_uses_the_same_weights_as_the_bridge(embedded_model: TransformerBridge) -> None:
    plain = plain_model(embedded_model)

    shared = {weight.data_ptr() for weight in plain.parameters()}
    assert plain is not embedded_model.original_model
    assert {weight.data_ptr() for weight in embedded_model.original_model.parameters()} == shared


@pytest.mark.model
def test_the_plain_model_and_the_bridge_agree(embedded_model: TransformerBridge) -> None:
    tokens = torch.tensor([tokenize(embedded_model, "I hate you because")])

    with torch.no_grad():
        apart = plain_model(embedded_model)(tokens).logits - embedded_model(tokens)

    assert apart.abs().max().item() < 1e-3


@pytest.mark.model
def test_bos_comes_first_and_eos_ends(embedded_model: TransformerBridge) -> None:
    assert tokenize(embedded_model, "Love") == [1, 30200]
    assert tokenize(embedded_model, "") == [1]
    assert stop_tokens(embedded_model) == {2}


@pytest.mark.model
@pytest.mark.parametrize("text", [" you  are\n\n", "é 日本語 🙂", " ."])
def test_text_survives_its_tokens(text: str, embedded_model: TransformerBridge) -> None:
    prompt = tokenize(embedded_model, "I hate")
    new = tokenize(embedded_model, text)[1:]

    assert to_text(embedded_model, prompt, [*new, 2]) == text


@pytest.mark.model
def test_loading_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    load_model("smollm2-135m-instruct", device="cpu")

    assert capfd.readouterr() == ("", "")


def test_the_missing_embedded_model_names_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATER_CACHE", str(tmp_path))

    with pytest.raises(ModelError, match=r"not installed\. Run: rater model install"):
        load_model("smollm2-135m-instruct")


def test_a_misspelt_model_is_named_with_the_nearest() -> None:
    with pytest.raises(
        ModelError, match=r"'smollm2-135m-instrut' could not .* Did you mean 'smollm2-135m-instruct'"
    ):
        load_model("smollm2-135m-instrut")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "hpu"])
def test_a_device_that_is_not_there_is_refused_before_a_model_is_loaded(device: str) -> None:
    with pytest.raises(ModelError, match=rf"The device '{device}' cannot be used here: .* Valid: cpu"):
        load_model(EMBEDDED_MODEL, device=device)


def test_attention_on_a_gpu_keeps_off_kernels_that_make_a_plan_for_each_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # as if there were a GPU, which there need not be
    monkeypatch.setattr(torch, "ones", lambda *_, **__: torch.zeros(1))
    switched: list[bool] = []
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", lambda *, enabled: switched.append(enabled))

    assert find_device("cpu") == torch.device("cpu")
    assert switched == []
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert switched == [False]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"could not be loaded: the folder has no config.json. Valid: 'smollm2-135m-instruct', a folder",
    ):
        load_model(tmp_path)


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("model.safetensors", lambda _: b"", r"are damaged .* \(SafetensorError: .*header too small"),
        ("config.json", lambda whole: whole.replace(b"576", b"575"), r"are damaged .* \(StrictDataclass"),
        ("config.json", lambda whole: whole.replace(b"1536", b"1535"), r"are damaged .* \(RuntimeError"),
        (
            "config.json",
            lambda whole: re.sub(rb'(hidden_layers": )30', rb"\g<1>31", whole),
            r"lack 9 of the weights .* such as model\.layers\.30\.",
        ),
        ("tokenizer.json", lambda _: b"{}", r"are damaged .* \(KeyError: 'added_tokens'\)"),
    ],
    ids=["weights", "config", "another size", "a layer more", "tokenizer"],
)
def test_damaged_files_of_a_model_are_said_in_a_line(
    name: str, change: Callable[[bytes], bytes], told: str, tmp_path: Path
) -> None:
    whole = embedded_model_path()
    assert whole is not None
    for file in whole.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(change(b"" if name == "model.safetensors" else (whole / name).read_bytes()))

    with pytest.raises(ModelError, match=f"could not be loaded: its files {told}") as caught:
        load_model(tmp_path)

    assert "\n" not in str(caught.value)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')

    with pytest.raises(
        ModelError, match=r"could not be loaded: the folder has no tokenizer \(tokenizer\.json"
    ):
        load_model(tmp_path)
