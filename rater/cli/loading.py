"""Load a study's model for the commands that need one, and say so first."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

device_option = click.option(
    "--device", help="Where the model runs: cpu, cuda, cuda:1 …  [default: cuda if there, else cpu]"
)
"""Adds ``--device``."""


dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="What the model's weights are loaded in.  [default: the checkpoint's own]",
)
"""Adds ``--dtype``."""


def require_torch() -> None:
    """Refuse to go on without what runs a model; costs no import.

    Raises:
        ModelError: torch or transformer_lens is not installed.
    """
    from rater.errors import ModelError

    if find_spec("torch") is None or find_spec("transformer_lens") is None:
        msg = "Generating needs torch and transformer_lens. Run: pip install 'rater[generate]'"
        raise ModelError(msg)


def load_model(name: str, device: str | None, dtype: str | None = None) -> "TransformerBridge":
    """Load a model, after a line that says how long it takes.

    Raises:
        ModelError: what runs it is not installed, or it cannot be loaded.
    """
    require_torch()
    click.echo(f"Loading torch and the model {name} (about 10 s for the embedded one) …", err=True)
    import torch

    from rater.steering.bridge import load_model as load

    return load(name, device=device, dtype=None if dtype is None else getattr(torch, dtype))
