"""Say how much memory is free, and tell in time where a model's weights will not fit into it."""

from pathlib import Path

from rater.generate.checkpoint import BYTES, read_checkpoint

_CONTAINER = Path("/sys/fs/cgroup")


def free_memory(container: Path = _CONTAINER) -> int | None:
    """Give the bytes that a process may still take without swapping; None where that is not known.

    Args:
        container: where Linux says what the container that this runs in may take.
    """
    try:
        import psutil  # noqa: PLC0415 (comes with what generates)
    except ImportError:
        return None
    free = int(psutil.virtual_memory().available)
    left = _left_to_container(container)
    return free if left is None else min(free, left)


def too_little_memory(model: str, dtype: str | None, *, free: int | None) -> str | None:
    """Say, in a sentence or two, that a model's weights are larger than the memory that is free; None if not.

    A system that runs out of memory warns nobody: it swaps until nothing else moves, or kills the process.
    """
    checkpoint = read_checkpoint(model)
    if checkpoint is None or free is None or checkpoint.n_bytes(dtype) <= free:
        return None
    used = dtype or checkpoint.dtype
    half = "--dtype bfloat16 (half of that), " if BYTES.get(used, 4) > BYTES["bfloat16"] else ""
    return (
        f"The weights of {model} take {checkpoint.n_bytes(dtype) / 1e9:.1f} GB in {used}, but only "
        f"{free / 1e9:.1f} GB of memory are free. The system will swap, or end this. Use "
        f"{half}a smaller model or another --device."
    )


def _left_to_container(container: Path) -> int | None:
    """Read what Linux lets a container take, less what its processes hold; cached files give way."""
    try:
        most = (container / "memory.max").read_text(encoding="ascii").strip()
        held = dict(
            line.split() for line in (container / "memory.stat").read_text(encoding="ascii").splitlines()
        )
        return max(0, int(most) - int(held["anon"]))
    except (OSError, ValueError, KeyError):  # no such limit: its value is "max"
        return None
