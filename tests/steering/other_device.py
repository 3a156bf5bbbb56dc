"""Run steering on a device other than the CPU, on a machine without one; prints JSON.

    python tests/steering/other_device.py FOLDER

Tensors on the device "other" keep their numbers in ordinary memory, but report another device: an operation
on one of them and on a tensor of the CPU is refused, as CUDA refuses it, and so is `numpy`. So is one on
tensors of other:0 and other:1, between which a model can be divided. Each case is computed on the CPU, on
other:0, and with one model on both, with small models. PyTorch knows the device as long as the process lives:
hence a process of its own.
"""

# ruff: noqa: SLF001 (in PyTorch, devices are made in Python by private means only)

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from rater.embedded_model import EMBEDDED_MODEL
from rater.generate.engines.torch_engine import TorchEngine
from rater.steering import additions as adding
from rater.steering import completions, effects, likelihood, sweeps, vector_files
from rater.steering.bridge import devices_of, load_model
from rater.steering.context import steer
from rater.steering.lens import layer_predictions
from rater.steering.prefill import next_token_logprobs
from rater.steering.sweep_results import all_settings
from rater.steering.vector_files import model_fingerprint
from rater.study.additions import ActivationAddition, DatasetVector, RandomVector, VectorFile, XVector

DEVICE = "other"
ATEN = torch.ops.aten
ACROSS = {
    ATEN._to_copy,
    ATEN._index_put_impl_,
    ATEN.copy_,
    ATEN.index,
    ATEN.index_put,
    ATEN.index_put_,
    ATEN.to,
}
"""Operations that CUDA too allows on tensors of both devices: copying, and indexing with CPU tensors."""
COPYING = {ATEN._to_copy, ATEN.copy_, ATEN.to}
"""Operations that CUDA allows on tensors of two GPUs."""
PROMPTS = ["I hate you because", "When we ran home this morning"]
LOVE = XVector("Love", "Hate", coeff=4, at=1, pad="space")


class OtherDevice(Tensor):
    """A tensor on the other device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor, number: int = 0) -> "OtherDevice":
        made: OtherDevice = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(DEVICE, number),
        )
        made.held = held
        return made

    def __repr__(self, **options: object) -> str:  # type: ignore[override] # no contents
        return f"OtherDevice({tuple(self.held.shape)})"

    def numpy(self, **options: object) -> Any:  # noqa: ARG002 (Tensor's signature)
        raise TypeError(f"can't convert a tensor of {DEVICE} to numpy; use Tensor.cpu() first")

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override] # torch types it as no class method
        return run(func, args, kwargs or {})


class Machine(TorchDispatchMode):
    """A machine that has the other device."""

    def __enter__(self) -> Any:
        # So that torch.tensor makes a tensor of the CPU and moves it there, where this sees it.
        torch._C._set_only_lift_cpu_tensors(True)  # noqa: FBT003 (its only argument)
        return super().__enter__()  # type: ignore[no-untyped-call] # torch is partly untyped

    def __exit__(self, *raised: Any) -> None:
        torch._C._set_only_lift_cpu_tensors(False)  # noqa: FBT003 (as above)
        super().__exit__(*raised)  # type: ignore[no-untyped-call] # as above

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: Any) -> Any:
    """Run an operation where its tensors are."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    is_there = any(isinstance(tensor, OtherDevice) for tensor in tensors)
    strangers = [tensor for tensor in tensors if not isinstance(tensor, OtherDevice) and tensor.dim()]
    if is_there and strangers and func.overloadpacket not in ACROSS:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got {DEVICE} and cpu.")
    numbers = list(dict.fromkeys(each.device.index for each in tensors if isinstance(each, OtherDevice)))
    if len(numbers) > 1 and func.overloadpacket not in COPYING:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got {numbers}.")
    if func.overloadpacket is ATEN._fused_sdp_choice:
        return 0  # attention in single operations
    devices = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
    goes_there = devices[0].type == DEVICE if devices else is_there
    here = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
    own_args, own_kwargs = tree_map_only(OtherDevice, lambda tensor: tensor.held, here)
    made = func(*own_args, **own_kwargs)
    if func._schema.is_mutable and func._schema.returns:
        return args[0]
    number = (devices[0].index if devices else numbers[0]) or 0 if goes_there else None
    return made if number is None else tree_map_only(Tensor, lambda held: OtherDevice(held, number), made)


def generate(model: TransformerBridge, arms: Any, **draws: Any) -> list[Any]:
    made = completions.generate(
        model,
        PROMPTS,
        arms,
        completions.Draws(max_new_tokens=5, samples_per_prompt=2, **draws),
        batch_size=3,
        trace=True,
    )
    return [[each.token_ids, each.measurements.nll, len(each.touched)] for each in made if each.measurements]


def every_kind(folder: Path) -> dict[str, completions.Additions]:
    """Arms that read, make and combine vectors in each way; a file's lie on the CPU."""
    texts = (("I love it", "so good", "a joy"), ("I hate it", "so bad", "a pain"))
    return {
        "unsteered": (),
        "pair": (LOVE,),
        "tokens": (ActivationAddition(coeff=3, act_name=1, tokens=(1, 5), position="back"),),
        "always": (DatasetVector(*texts, at=1, relative=0.5, method="pca", read="last", when="all"),),
        "generated": (DatasetVector(*texts, at=2, coeff=2, read="mean", when="generated"),),
        "random": (RandomVector(like=LOVE, seed=3),),
        "file": (VectorFile(path=str(folder / "love.safetensors"), coeff=2),),
        "file and pair": (VectorFile(path=str(folder / "love.safetensors"), coeff=2), LOVE),
    }


def steered_passes(model: TransformerBridge) -> list[float]:
    tokens = model.to_tokens(PROMPTS[0])
    mask = torch.ones(tokens.shape, dtype=torch.long)  # on the CPU, which transformers allows
    with torch.no_grad(), steer(model, (LOVE,)):
        logits: Tensor = model(tokens, attention_mask=mask)
    numbers: list[float] = logits[0, -1, :50].tolist()
    return numbers


def saved(model: TransformerBridge, folder: Path) -> dict[str, str]:
    vectors = adding.resolve(model, (LOVE,))
    vector_files.save_vectors(folder / "love.safetensors", vectors, model, made="a test")
    vector_files.save_vectors(folder / "love.gguf", _anywhere(model), model, made="a test")
    return vector_files.read_header(folder / "love.safetensors")


def _anywhere(model: TransformerBridge) -> tuple[adding.SteeringVector, ...]:
    return adding.resolve(model, (XVector("Love", "Hate", coeff=4, at=2, read="last", when="all"),))


def effect(model: TransformerBridge) -> list[float]:
    seen = effects.next_token_effect(model, PROMPTS[0], (LOVE,))
    unsteered, steered = (
        next_token_logprobs(model, PROMPTS[0]),
        next_token_logprobs(model, PROMPTS[0], (LOVE,)),
    )
    focus = effects.focus(unsteered, steered, {5, 6, 7})
    return [seen.kl_steered_unsteered, seen.entropy_steered, focus.effectiveness, focus.disruption]


def sweep(model: TransformerBridge) -> list[Any]:
    settings = all_settings([1, 2], [3], ["front"])
    draws = completions.Draws(max_new_tokens=4)
    outcomes = sweeps.sweep(
        model, PROMPTS, (LOVE,), settings, sampling=draws, score=lambda text: text.count("love")
    )
    return [[each.kl, each.ratio, each.nll, each.n_words] for each in outcomes]


def lens(model: TransformerBridge) -> list[float]:
    return [each.entropy for each in layer_predictions(model, PROMPTS[0], (LOVE,))]


def norms(model: TransformerBridge) -> list[float]:
    vectors = adding.resolve(model, (LOVE,))
    return [each.ratio for each in effects.position_norms(model, PROMPTS[0], vectors)]


def cases(folder: Path) -> dict[str, Callable[[TransformerBridge], Any]]:
    """Return the computations that are compared between both devices."""
    arms = every_kind(folder)
    few = {"unsteered": (), "pair": (LOVE,)}
    return {
        "saving vectors": lambda model: saved(model, folder),
        "greedy": lambda model: generate(model, few, temperature=0),
        "every kind of arm": lambda model: generate(model, arms, top_p=0.3),
        "penalties": lambda model: generate(model, few, top_p=0.3, frequency_penalty=1, presence_penalty=1),
        "top-k": lambda model: generate(model, few, top_k=40, top_p=0.8),
        "nothing cut off": lambda model: generate(model, few, temperature=0.7),
        "a pass in a steer block": steered_passes,
        "effects": effect,
        "norms": norms,
        "sweep": sweep,
        "likelihood": lambda model: likelihood.text_nll(
            model, PROMPTS[0], " you ran", adding.resolve(model, (LOVE,))
        ),
        "fingerprint": model_fingerprint,
        "lens": lens,
    }


SHORT = ("saving vectors", "greedy", "every kind of arm", "a pass in a steer block")
"""Computations that are made with the second model too."""


def save_models(folder: Path) -> dict[str, Path]:
    """Save small models of random numbers, with the embedded model's tokenizer."""
    tokenizer = load_model(EMBEDDED_MODEL, device="cpu").tokenizer
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    llama = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        **sizes,
    )
    gpt2 = GPT2Config(n_positions=64, n_embd=32, n_layer=3, n_head=4, initializer_range=0.3, **sizes)
    paths = {"llama": folder / "llama", "gpt2": folder / "gpt2"}
    torch.manual_seed(0)
    for path, model in zip(paths.values(), (LlamaForCausalLM(llama), GPT2LMHeadModel(gpt2)), strict=True):
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
    return paths


# The output layer is on the first device, where accelerate puts one that shares weights with the embedding.
DIVIDED = {
    "llama": {
        "model.embed_tokens": f"{DEVICE}:0",
        "model.rotary_emb": f"{DEVICE}:0",
        "model.layers.0": f"{DEVICE}:0",
        "model.layers.1": f"{DEVICE}:1",
        "model.layers.2": f"{DEVICE}:1",
        "model.norm": f"{DEVICE}:1",
        "lm_head": f"{DEVICE}:0",
    },
    "gpt2": {
        "transformer.wte": f"{DEVICE}:0",
        "transformer.wpe": f"{DEVICE}:0",
        "transformer.h.0": f"{DEVICE}:0",
        "transformer.h.1": f"{DEVICE}:1",
        "transformer.h.2": f"{DEVICE}:1",
        "transformer.ln_f": f"{DEVICE}:1",
        "lm_head": f"{DEVICE}:1",
    },
}


def recorded(path: Path) -> str:
    """Return what is saved with completions of the divided model."""
    return TorchEngine(load_model(path, device=DIVIDED[path.name])).versions["device"]


def computed(path: Path, device: str, folder: Path, *, divided: bool = False) -> dict[str, Any]:
    model = load_model(path, device=DIVIDED[path.name] if divided else device)
    devices = [str(each) for each in devices_of(model)]
    assert devices == ([f"{DEVICE}:0", f"{DEVICE}:1"] if divided else devices[:1]), devices
    assert devices[0].startswith(device), devices
    wanted = SHORT if path.name == "gpt2" else cases(folder)
    return {name: cases(folder)[name](model) for name in wanted}


def main(folder: Path) -> None:
    paths = save_models(folder)
    here = {name: computed(path, "cpu", folder) for name, path in paths.items()}
    _setup_privateuseone_for_python_backend(DEVICE)
    with Machine():  # type: ignore[no-untyped-call] # torch is partly untyped
        there = {name: computed(path, DEVICE, folder) for name, path in paths.items()}
        divided = {name: computed(path, DEVICE, folder, divided=True) for name, path in paths.items()}
        device = recorded(paths["llama"])
        two = torch.ones(2, device=DEVICE)
        try:
            two + torch.ones(2)
        except RuntimeError as error:
            refused = str(error)
        try:
            two + torch.ones(2, device=f"{DEVICE}:1")
        except RuntimeError as error:
            refused_between = str(error)
    report = {"refused": refused, "refused between": refused_between, "cpu": here, DEVICE: there}
    print(json.dumps(report | {"divided": divided, "recorded": device}))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(Path(sys.argv[1]))
