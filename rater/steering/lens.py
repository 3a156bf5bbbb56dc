"""The predictions of each layer: the logit lens, or a tuned lens.

The logit lens reads the residual stream between blocks as if it were the last (nostalgebraist 2020). A tuned
lens first applies an affine map that was trained for each layer (Belrose et al. 2023, arXiv:2303.08112).
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import json
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import model_name, n_layers, tokenize
from rater.steering.context import require_no_block
from rater.steering.effects import entropy, kl_divergence
from rater.steering.positions import Window, adders, require_reached, shift
from rater.steering.prefill import check_length
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition, hook_name

# Nats between the model's own prediction and that of the lens after the last block: rounding in bfloat16
# gives up to 0.01, a step of the model that the lens leaves out more than 0.1.
_MAX_GAP = 0.05
_WEIGHT = re.compile(r"(?:layer_translators\.)?(\d+)\.(weight|bias)")


@dataclass(frozen=True)
class LayerPrediction:
    """The prediction of the next token from the residual stream at one layer and token."""

    layer: int
    """The residual stream before this block; the number of blocks for the model's own prediction."""
    position: int
    """Position in the text; BOS is 0."""
    token: str
    """The token of the text at this position."""
    top_token: str
    """The most likely next token."""
    max_probability: float
    """Its probability."""
    entropy: float
    """Entropy of the distribution, in nats."""
    kl_to_final: float
    """KL divergence of the model's own distribution from this one, in nats; 0 after the last block."""


@dataclass(frozen=True)
class _Map:
    """The affine map of a layer: x + W x + b."""

    weight: Float[Tensor, "d_model d_model"]
    bias: Float[Tensor, " d_model"]

    def __call__(self, residual: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos d_model"]:
        moved = residual.float()
        shifted: Tensor = moved + moved @ self.weight.T + self.bias
        return shifted.to(residual)


@torch.no_grad()
def layer_predictions(
    model: TransformerBridge,
    text: str,
    additions: Sequence[AnyAddition | SteeringVector] = (),
    *,
    translators: str | Path | None = None,
) -> list[LayerPrediction]:
    """Return the prediction of each layer at each token of a text, steered or unsteered.

    Additions at a layer are part of what is read there. Costs one forward pass, and one multiplication with
    the unembedding for each layer; the logits of one layer at a time are in memory.

    Args:
        model: The bridge.
        text: The text; additions to the prompt are made to it.
        additions: The additions; none for the unsteered model.
        translators: A folder of the package tuned-lens, with ``config.json`` and ``params.pt``; None for the
            logit lens.

    Returns:
        The predictions by layer, from 0 to the number of blocks, and within a layer by position.

    Raises:
        ModelError: text, additions and model do not fit each other; the folder is not a tuned lens for this
            model; or the last layer's prediction is not the model's own, so that the lens does not hold.
    """
    require_no_block(model, "layer_predictions")
    vectors = resolve(model, additions) if additions else ()
    ids = tokenize(model, text)
    check_length(model, len(ids), vectors, place="The text")
    maps = {} if translators is None else _read_translators(Path(translators), model)
    streams, logits = _run(model, ids, vectors)
    final = logits.log_softmax(-1)
    _require_lens(model, streams[-1], final)
    tokens = [str(model.tokenizer.decode([token])) for token in ids]
    found = []
    for layer, stream in enumerate(streams[:-1]):
        moved = maps[layer](stream) if maps else stream
        found += _describe(model, layer, tokens, predicted=_unembed(model, moved), final=final)
    return found + _describe(model, len(streams) - 1, tokens, predicted=final, final=final)


def _run(
    model: TransformerBridge, ids: Sequence[int], vectors: Sequence[SteeringVector]
) -> tuple[list[Float[Tensor, "pos d_model"]], Float[Tensor, "pos d_vocab"]]:
    """Run a text; return the residual stream before each block and after the last, and the logits."""
    n = n_layers(model)
    points = [*(hook_name(layer) for layer in range(n)), f"blocks.{n - 1}.hook_resid_post"]
    seen: dict[str, Tensor] = {}

    def collector(point: str) -> Callable[..., None]:
        def collect(activations: Tensor, hook: object) -> None:  # noqa: ARG001 (transformer_lens passes it by name)
            seen[point] = activations[0].detach().to(model.cfg.device)

        return collect

    columns = torch.arange(len(ids), device=model.cfg.device)[None]
    shifts, fired = shift([vectors], Window(columns, (len(ids),))), set[str]()
    # Hooks of a hook point run in their order, so what is collected includes what is added there.
    hooks = [*adders(shifts, shifts, fired), *((point, collector(point)) for point in points)]
    with model.hooks(fwd_hooks=hooks):
        logits: Tensor = model(torch.tensor([list(ids)], device=model.cfg.device), return_type="logits")
    require_reached(model, shifts.keys() - fired)
    require_reached(model, set(points) - seen.keys())
    return [seen[point] for point in points], logits[0].float()


def _unembed(model: TransformerBridge, stream: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos d_vocab"]:
    # On several GPUs, a module that is run by itself is not given its input where its weights are.
    norm, last = (next(each.parameters()).device for each in (model.ln_final, model.unembed))
    logits: Tensor = model.unembed(model.ln_final(stream[None].to(norm)).to(last))
    return logits[0].float().log_softmax(-1).to(stream.device)


def _require_lens(
    model: TransformerBridge,
    stream: Float[Tensor, "pos d_model"],
    final: Float[Tensor, "pos d_vocab"],
) -> None:
    """Check that final norm and unembedding turn the last residual stream into the model's prediction.

    Raises:
        ModelError: they do not, as in a model that caps its logits or has no such modules.
    """
    try:
        read = _unembed(model, stream)
    except AttributeError as error:
        msg = f"{model_name(model)} has no final norm and unembedding to read layers with ({error})."
        raise ModelError(msg) from error
    gap = max(kl_divergence(p, q) for p, q in zip(final, read, strict=True))
    if not gap <= _MAX_GAP:
        msg = (
            f"Final norm and unembedding of {model_name(model)} do not give its own prediction (a KL "
            f"divergence of {gap:.2g} nats), so a lens with them means nothing; valid: a model without a "
            "further step, such as a cap on its logits."
        )
        raise ModelError(msg)


def _describe(
    model: TransformerBridge,
    layer: int,
    tokens: Sequence[str],
    *,
    predicted: Float[Tensor, "pos d_vocab"],
    final: Float[Tensor, "pos d_vocab"],
) -> list[LayerPrediction]:
    top = predicted.max(-1)
    return [
        LayerPrediction(
            layer=layer,
            position=position,
            token=token,
            top_token=str(model.tokenizer.decode([int(top.indices[position])])),
            max_probability=float(top.values[position].exp()),
            entropy=entropy(predicted[position]),
            kl_to_final=max(kl_divergence(final[position], predicted[position]), 0.0),
        )
        for position, token in enumerate(tokens)
    ]


def _read_translators(folder: Path, model: TransformerBridge) -> Mapping[int, _Map]:
    """Read the maps of all layers.

    Raises:
        ModelError: the folder is not a tuned lens, or not for a model of this depth and width.
    """
    width, depth = int(model.cfg.d_model), n_layers(model)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        # weights_only: a file of weights must not run code
        parameters = torch.load(folder / "params.pt", map_location=model.cfg.device, weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        msg = (
            f"translators is {str(folder)!r}, which cannot be read ({type(error).__name__}); valid: a folder "
            "of the package tuned-lens, with config.json and params.pt."
        )
        raise ModelError(msg) from error
    named = {match[0]: match for match in map(_WEIGHT.fullmatch, parameters) if match}
    found = {(int(match[1]), match[2]): parameters[name].float() for name, match in named.items()}
    shapes = {"weight": (width, width), "bias": (width,)}
    for layer in range(depth):
        for part, shape in shapes.items():
            tensor = found.get((layer, part))
            if tensor is None or tuple(tensor.shape) != shape:
                has = "is missing" if tensor is None else f"has the shape {tuple(tensor.shape)}"
                made = (
                    config.get("base_model_name_or_path", "unknown")
                    if isinstance(config, dict)
                    else "unknown"
                )
                msg = (
                    f"translators is {str(folder)!r}, a lens of the model {made!r}: the {part} of layer "
                    f"{layer} {has}; valid for {model_name(model)}: {depth} layers of width {width}."
                )
                raise ModelError(msg)
    return {layer: _Map(found[layer, "weight"], found[layer, "bias"]) for layer in range(depth)}
