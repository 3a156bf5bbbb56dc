"""`rater model`: download the embedded model; load a study's model for other commands."""

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

    from rater.generate.engines.protocol import GenerationEngine
    from rater.workspace.generation import GenerationOptions


def _check_device(_context: click.Context, _option: click.Parameter, device: str | None) -> str | None:
    """Validate the name of a device; only torch can check whether it exists."""
    if device is not None and not re.fullmatch(r"auto|(cpu|cuda|mps|xpu)(:\d+)?", device):
        msg = (
            f"Unknown device {device!r}; valid: cpu, cuda, a GPU by number such as cuda:1, auto (all GPUs), "
            "mps or xpu."
        )
        raise click.BadParameter(msg)
    return device


device_option = click.option(
    "--device",
    callback=_check_device,
    help="Device of the model: cpu, cuda, cuda:1 …; auto divides its layers over all GPUs.  [default: cuda "
    "if available, otherwise cpu]",
)
"""Adds ``--device``."""


dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Data type of the model's weights.  [default: the checkpoint's own]",
)
"""Adds ``--dtype``."""


engine_option = click.option(
    "--engine",
    type=click.Choice(["torch", "vllm"]),
    default="torch",
    show_default=True,
    help="Engine that generates; vllm needs rater[vllm].",
)
"""Adds ``--engine``."""


def require_torch() -> None:
    """Require the packages that run a model, without importing them.

    Raises:
        ModelError: torch or transformer_lens is not installed.
    """
    from rater.errors import ModelError

    if find_spec("torch") is None or find_spec("transformer_lens") is None:
        msg = "Generating needs torch and transformer_lens. Run: pip install 'rater[generate]'"
        raise ModelError(msg)


def load_model(name: str, device: str | None, dtype: str | None = None) -> "TransformerBridge":
    """Load a model, and print a line first.

    Raises:
        ModelError: a package is not installed, or the model cannot be loaded.
    """
    require_torch()
    click.echo(f"Loading torch and the model {name} (about 10 s for the embedded one) …", err=True)
    import torch

    from rater.steering.bridge import load_model as load

    default = "cuda" if torch.cuda.is_available() else "cpu"
    if (default if device in {None, "auto"} else str(device)).startswith("cpu"):
        _warn_of_cpu(name, dtype)
    return load(name, device=device, dtype=None if dtype is None else getattr(torch, dtype))


def load_engine(name: str, options: "GenerationOptions") -> "GenerationEngine":
    """Load a model into the chosen engine, and print a line first.

    Raises:
        ModelError: a package is not installed, or the model cannot be loaded.
    """
    from rater.generate.engines.protocol import EngineName, require_vllm

    if options.engine == EngineName.TORCH:
        model = load_model(name, options.device, options.dtype)
        from rater.generate.engines.torch_engine import TorchEngine

        return TorchEngine(model)
    require_torch()
    require_vllm()
    click.echo(f"Loading vLLM and the model {name} (about a minute) …", err=True)
    from rater.workspace.generation import load_engine as load

    return load(name, options)


def _warn_of_cpu(name: str, dtype: str | None) -> None:
    """Warn before loading if a model exceeds free memory, or has a type that is slow on this processor."""
    from rater.generate.estimate import free_memory, read_checkpoint, too_little_memory
    from rater.steering.cpu_decoding import supports_dtype

    lack = too_little_memory(name, dtype, free=free_memory())
    if lack:
        click.echo(f"Warning: {lack}", err=True)
    checkpoint = read_checkpoint(name)
    used = dtype or (checkpoint.dtype if checkpoint else "float32")
    if not supports_dtype(used):
        faster = "bfloat16" if supports_dtype("bfloat16") else "float32 (twice the memory)"
        click.echo(
            f"Warning: {name} runs in {used}, which is several times slower on this processor; "
            f"--dtype {faster} is faster.",
            err=True,
        )


@click.group()
def model() -> None:
    """Install the embedded model (SmolLM2-135M-Instruct)."""


@model.command()
def install() -> None:
    """Download the embedded model and convert it once, into a cache folder.

    \b
    Example: rater model install
    """
    from rater.embedded_model import install_embedded_model

    path = install_embedded_model(lambda line: click.echo(line, err=True))
    click.echo(f"The embedded model is in {path}")
