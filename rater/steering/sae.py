"""Read the direction of a feature from a sparse autoencoder, as SAELens saves it."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name
from rater.steering.positions import require_hook_point, require_residual
from rater.steering.vectors import SteeringVector
from rater.study.additions import hook_name

_DECODER = "W_dec"


def sae_vector(
    folder: str | Path, feature: int, model: TransformerBridge, *, at: int | str | None = None
) -> SteeringVector:
    """Return the decoder row of a feature as a vector that is added to every token.

    The folder is that of an autoencoder of SAELens: ``cfg.json`` and ``sae_weights.safetensors`` with the
    decoder ``W_dec`` [feature, d_model]. The length of a row means nothing by itself, and some autoencoders
    were trained on rescaled activations; so choose the strength relative to the residual stream. To use the
    vector in a study, save it and declare the file::

        save_vectors("feature.safetensors", [vector], model, made="row 4226 of W_dec in my-sae")
        VectorFile("feature.safetensors", relative=0.5)

    Args:
        folder: The folder.
        feature: The number of the feature, from 0.
        model: The model that the autoencoder was trained on. Only the width is checked, since the folder does
            not identify the weights.
        at: The hook point; None for the one in ``cfg.json``. A layer number n is ``blocks.n.hook_resid_pre``.

    Raises:
        ModelError: the folder cannot be read or does not fit the model, or the feature does not exist.
    """
    folder = Path(folder)
    point = hook_name(at) if at is not None else _hook_point(folder)
    require_hook_point(model, point, "at" if at is not None else f"The hook point of {folder}")
    require_residual(model, point)
    weights = folder / "sae_weights.safetensors"
    try:
        with safe_open(weights, framework="pt") as file:
            if _DECODER not in file.keys():  # noqa: SIM118 (not a mapping)
                msg = f"{weights} has no tensor {_DECODER!r}; valid: a decoder [feature, d_model]."
                raise ModelError(msg)
            decoder = file.get_slice(_DECODER)
            n_features, width = _shape(decoder.get_shape(), weights)
            if width != int(model.cfg.d_model):
                msg = (
                    f"{weights} is for activations of width {width}, but those of {model_name(model)} have "
                    f"{model.cfg.d_model}; valid: an autoencoder that was trained on this model."
                )
                raise ModelError(msg)
            if type(feature) is not int or not 0 <= feature < n_features:
                msg = f"feature is {feature!r}; valid: a number from 0 to {n_features - 1}."
                raise ModelError(msg)
            row = decoder[feature : feature + 1].float()
    except (OSError, SafetensorError) as error:
        msg = f"{weights} cannot be read ({error}); valid: a folder that SAELens saved."
        raise ModelError(msg) from error
    return SteeringVector(point, row, when="all")


def _shape(shape: list[int], weights: Path) -> tuple[int, int]:
    if len(shape) != 2:
        msg = f"{weights} has a {_DECODER} of the shape {shape}; valid: [feature, d_model]."
        raise ModelError(msg)
    return shape[0], shape[1]


def _hook_point(folder: Path) -> str:
    """Return the hook point in ``cfg.json``; newer versions of SAELens have it in its metadata.

    Raises:
        ModelError: the file cannot be read or has none.
    """
    path = folder / "cfg.json"
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read ({error}); valid: a folder that SAELens saved, or a hook point as `at`."
        raise ModelError(msg) from error
    known = config if isinstance(config, dict) else {}
    metadata = known.get("metadata")
    places = [known, metadata if isinstance(metadata, dict) else {}]
    named = [place[key] for place in places for key in ("hook_name", "hook_point") if key in place]
    found = next((each for each in named if isinstance(each, str)), None)
    if found is None:
        msg = f"{path} has no 'hook_name'; valid: a hook point as `at`, such as 'blocks.8.hook_resid_pre'."
        raise ModelError(msg)
    return found
