"""A key-value cache for batches whose rows are added and removed while they are decoded."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

_ROOM = 64


class RowLayer(CacheLayerMixin):  # type: ignore[no-untyped-call] # transformers is partly untyped
    """The keys and values of one layer, written in place: concatenating copies all of them at each token.

    Rows are aligned at the right end, so that all take their next token in the same column.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # transformers is partly untyped
        self.n_used = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Set shapes, types and device from the first states."""
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self.is_initialized = True

    def update(
        self,
        key_states: Float[Tensor, "row head new d_head"],
        value_states: Float[Tensor, "row head new d_head"],
        *args: Any,  # noqa: ARG002 (transformers' signature)
        **kwargs: Any,  # noqa: ARG002 (transformers' signature)
    ) -> tuple[Float[Tensor, "row head pos d_head"], Float[Tensor, "row head pos d_head"]]:
        """Append the new positions, and return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None  # noqa: S101 (our own guarantee)
        assert self.values is not None  # noqa: S101 (as above)
        end = self.n_used + key_states.shape[2]
        self.keys = _write(self.keys, key_states, self.n_used, end)
        self.values = _write(self.values, value_states, self.n_used, end)
        self.n_used = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def append_column(
        self,
    ) -> tuple[Float[Tensor, "row head capacity d_head"], Float[Tensor, "row head capacity d_head"]]:
        """Append a column, and return the memory of all keys and values, into which the caller writes it."""
        assert self.keys is not None  # noqa: S101 (the caller's guarantee: a prompt comes first)
        assert self.values is not None  # noqa: S101 (as above)
        self.n_used += 1
        self.keys, self.values = _grown(self.keys, self.n_used), _grown(self.values, self.n_used)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the number of columns that a mask covers, and the first of them."""
        return self.n_used + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of columns in use."""
        return self.n_used

    def get_max_length(self) -> int:
        """Return -1: the layer grows without a limit."""
        return -1


def empty_cache() -> Cache:
    """Return a cache whose layers are created when the model's blocks first write to them."""
    return Cache(layer_class_to_replicate=RowLayer)


def gather(parts: Sequence[tuple[Cache, Int[Tensor, " _"]]], width: int, room: int = _ROOM) -> Cache:
    """Copy selected rows of several caches into one, aligned at the right end.

    Costs a copy of these rows. A row that is named twice is copied twice.

    Args:
        parts: Caches, and the rows of each, in the order of the result.
        width: The length in tokens of the longest row; columns before it are padding and are dropped.
        room: The number of columns that will follow, if known: allocating unused memory costs more than
            copying.
    """
    layers: list[Any] = []
    for index in range(len(parts[0][0].layers)):
        layer = RowLayer()
        layer.keys = _gather([(_used(cache, index, "keys"), rows) for cache, rows in parts], width, room)
        layer.values = _gather([(_used(cache, index, "values"), rows) for cache, rows in parts], width, room)
        layer.n_used, layer.is_initialized = width, True
        layers.append(layer)
    return Cache(layers=layers)


def _used(cache: Cache, index: int, name: str) -> Float[Tensor, "row head pos d_head"]:
    layer = cache.layers[index]
    states: Tensor = getattr(layer, name)
    return states[:, :, : cache.get_seq_length(index)]


def _gather(
    parts: list[tuple[Tensor, Tensor]], width: int, room: int
) -> Float[Tensor, "row head capacity d_head"]:
    first = parts[0][0]
    n_rows = sum(len(rows) for _, rows in parts)
    # Zeros: masked columns are multiplied by 0, and 0 times uninitialised memory can be NaN.
    gathered = first.new_zeros(n_rows, first.shape[1], width + min(room, _ROOM), first.shape[3])
    start = 0
    for states, rows in parts:
        length = min(states.shape[2], width)
        target = gathered[start : start + len(rows), :, width - length : width]
        # The layers of a model on several GPUs have their states on different ones.
        target.copy_(states[:, :, states.shape[2] - length :].index_select(0, rows.to(states.device)))
        start += len(rows)
    return gathered


def _write(buffer: Tensor, states: Tensor, start: int, end: int) -> Float[Tensor, "row head capacity d_head"]:
    buffer = _grown(buffer, end)
    buffer[:, :, start:end] = states
    return buffer


def _grown(buffer: Tensor, end: int) -> Float[Tensor, "row head capacity d_head"]:
    """Return the memory, or if it has fewer columns than `end`, a larger copy."""
    n_rows, n_heads, n_columns, d_head = buffer.shape
    if end <= n_columns:
        return buffer
    grown = buffer.new_zeros(n_rows, n_heads, end + _ROOM, d_head)
    grown[:, :, :n_columns] = buffer
    return grown
