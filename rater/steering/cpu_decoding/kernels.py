"""Compiled kernels for the operations between the matrix products of a decoding step on the CPU.

Each does in one pass over its data what takes PyTorch several operations, each with memory and threads of its
own. numba compiles a kernel when it is first called (seconds), and keeps it in its cache on disk.

Kernels take NumPy arrays. Numbers in bfloat16, which NumPy does not have, are given as their bits (uint16).
Sums are computed in float32 for both types, and results are rounded once, when they are stored.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

_LOG2_E = np.float32(math.log2(math.e))
# ln 2 in two parts, the first with zeros at its end, so that its product with a small integer is exact.
_LN_2_HIGH, _LN_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_HALF, _ONE = np.float32(0.5), np.float32(1)
# e^x is smaller than the smallest normal number below this, and larger than the largest above its negative.
_MIN_EXPONENT = np.float32(-87.0)
# Coefficients of (e^x - 1 - x) / x^2 for |x| <= ln(2) / 2 (Cephes mathematical library, expf).
_C0, _C1, _C2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_C3, _C4, _C5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
# Sums may be reordered, as in any matrix product; infinities and NaN stay what they are.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def view(tensor: Tensor) -> Any:
    """Return a contiguous tensor on the CPU as an array that shares its memory; bfloat16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _widen(value: Any) -> Any:
    """Return a number as float32."""


def _narrow(value: Any, like: Any) -> Any:
    """Return a float32 in the type of an array, rounded to the nearest, ties to even."""


@overload(_widen, inline="always")
def _overload_widen(value):  # type: ignore[no-untyped-def] # numba compares the names of the arguments
    if value == numba.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@overload(_narrow, inline="always")
def _overload_narrow(value, like):  # type: ignore[no-untyped-def] # noqa: ARG001 (as above)
    if like.dtype != numba.uint16:
        return lambda value, like: value  # noqa: ARG005 (as above)

    def rounded(value, like):  # type: ignore[no-untyped-def] # noqa: ARG001 (as above)
        bits = np.float32(value).view(np.uint32)
        return np.uint16(
            (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        )

    return rounded


@numba.njit(inline="always", fastmath=_FAST)
def _exp(x):  # type: ignore[no-untyped-def]
    x = min(max(x, _MIN_EXPONENT), -_MIN_EXPONENT)
    n = np.floor(x * _LOG2_E + _HALF)
    r = x - n * _LN_2_HIGH - n * _LN_2_LOW
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return (p * r * r + r + _ONE) * power


def use_threads_of_torch() -> None:
    """Let this thread's kernels use as many threads as PyTorch does."""
    n_threads = torch.get_num_threads()
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined] # set when it is imported
    numba.set_num_threads(min(n_threads, most))
    # numba's threads are OpenMP's, as PyTorch's are: starting them sets the number for both.
    torch.set_num_threads(n_threads)


def _kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a function when it is first called, with its `prange` loop divided over threads."""
    try:
        return numba.njit(parallel=True, nogil=True, fastmath=_FAST, cache=True)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(parallel=True, nogil=True, fastmath=_FAST)(function)


@_kernel
def rms_norm(residual, norm, out):  # type: ignore[no-untyped-def] # numba infers the types
    """Divide each row of [row, d] by its root mean square, and multiply it by weights [d].

    Args:
        residual: The residual stream.
        norm: The weights, and the number that is added to the mean square.
        out: The result, [row, d].
    """
    for row in numba.prange(len(residual)):
        _normalise(residual[row], norm, out[row])


@_kernel
def add_and_rms_norm(residual, change, norm, out):  # type: ignore[no-untyped-def] # numba infers the types
    """Add a change to the residual stream in place, and normalise it as `rms_norm` does."""
    for row in numba.prange(len(residual)):
        for i in range(residual.shape[1]):
            residual[row, i] = _narrow(_widen(residual[row, i]) + _widen(change[row, i]), residual)
        _normalise(residual[row], norm, out[row])


@numba.njit(fastmath=_FAST)
def _normalise(residual, norm, out):  # type: ignore[no-untyped-def] # numba infers the types
    weight, epsilon = norm
    total = np.float32(0)
    for i in range(len(residual)):
        number = _widen(residual[i])
        total += number * number
    scale = _ONE / np.sqrt(total / np.float32(len(residual)) + epsilon)
    for i in range(len(residual)):
        out[i] = _narrow(_widen(residual[i]) * scale * _widen(weight[i]), out)


@_kernel
def swiglu(gate_and_up, out):  # type: ignore[no-untyped-def] # numba infers the types
    """Multiply the SiLU of the gate, the first half of [row, 2 d], by the second half."""
    n_rows, size = out.shape
    for row in numba.prange(n_rows):
        for i in range(size):
            gate, up = _widen(gate_and_up[row, i]), _widen(gate_and_up[row, size + i])
            out[row, i] = _narrow(gate / (_ONE + _exp(-gate)) * up, out)


@_kernel
def attend(qkv, rotation, cache, out):  # type: ignore[no-untyped-def] # numba infers the types
    """Compute the attention of one new token of each row, and write its key and value into the cache.

    Args:
        qkv: Queries, keys and values of the new tokens, [row, (n_heads + 2 n_kv_heads) d_head].
        rotation: Cosines and sines of the rotary position embedding, each [row, d_head / 2], and the scale of
            the scores.
        cache: Keys and values, each [row, n_kv_heads, capacity, d_head]; for each row the first column that
            is not padding; and the number of columns in use, including the new one.
        out: The result, [row, n_heads d_head].
    """
    cos, sin, scale = rotation
    keys, values, first, end = cache
    n_rows, n_keys, _, size = keys.shape
    n_shared = out.shape[1] // size // n_keys
    for row in numba.prange(n_rows):
        of_row = (cos[row], sin[row])
        # Allocated once for each row: a small allocation takes as long as the scores of ten columns.
        queries = np.empty((n_shared, size), np.float32)
        sums = np.empty((n_shared, size), np.float32)
        weights = np.empty((n_shared, end - first[row]), np.float32)
        # The heads that share a head of the keys read its keys and values once.
        for of_key in range(n_keys):
            own_keys = keys[row, of_key, first[row] : end]
            own_values = values[row, of_key, first[row] : end]
            at = (n_keys * n_shared + of_key) * size
            _rotate(qkv[row, at : at + size], of_row, _ONE, own_keys[-1])
            at += n_keys * size
            own_values[-1] = qkv[row, at : at + size]
            for head in range(n_shared):
                at = (of_key * n_shared + head) * size
                _rotate(qkv[row, at : at + size], of_row, scale, queries[head])
            _weigh(queries, own_keys, weights)
            _sum_up(weights, own_values, sums)
            for head in range(n_shared):
                at = (of_key * n_shared + head) * size
                for i in range(size):
                    out[row, at + i] = _narrow(sums[head, i], out)


@numba.njit(fastmath=_FAST)
def _rotate(states, rotation, scale, out):  # type: ignore[no-untyped-def] # numba infers the types
    """Rotate pairs (x[i], x[i + half]), as Llama does, and multiply them by the scale."""
    cos, sin = rotation
    half = len(cos)
    for i in range(half):
        low, high = _widen(states[i]), _widen(states[half + i])
        out[i] = _narrow((low * cos[i] - high * sin[i]) * scale, out)
        out[half + i] = _narrow((high * cos[i] + low * sin[i]) * scale, out)


@numba.njit(fastmath=_FAST)
def _weigh(queries, keys, weights):  # type: ignore[no-untyped-def] # numba infers the types
    """Compute the attention of each head [head, d_head] to each column [column, d_head]."""
    for column in range(len(keys)):
        for head in range(len(queries)):
            score = np.float32(0)
            for i in range(queries.shape[1]):
                score += queries[head, i] * _widen(keys[column, i])
            weights[head, column] = score
    for head in range(len(queries)):
        largest = np.float32(-np.inf)
        for column in range(len(keys)):
            largest = max(largest, weights[head, column])
        total = np.float32(0)
        for column in range(len(keys)):
            weights[head, column] = _exp(weights[head, column] - largest)
            total += weights[head, column]
        for column in range(len(keys)):
            weights[head, column] /= total


@numba.njit(fastmath=_FAST)
def _sum_up(weights, values, sums):  # type: ignore[no-untyped-def] # numba infers the types
    """Compute the sum of the values [column, d_head] for each head, weighted by [head, column]."""
    sums[:] = np.float32(0)
    for column in range(len(values)):
        for head in range(len(weights)):
            weight = weights[head, column]
            for i in range(values.shape[1]):
                sums[head, i] += weight * _widen(values[column, i])
