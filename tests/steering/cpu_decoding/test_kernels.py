import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from torch import Tensor

from rater.steering.cpu_decoding import kernels

DTYPES = [torch.float32, torch.bfloat16]
# Kernels round once, when they store: half of the distance between neighbours, relative to a number.
ROUNDING = {torch.float32: 1e-6, torch.bfloat16: 2.0**-8}


def is_close(mine: Tensor, exact: Tensor) -> bool:
    tolerance = ROUNDING[mine.dtype]
    return torch.allclose(mine.double(), exact, rtol=tolerance, atol=max(tolerance / 100, 1e-6))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_divided_by_their_root_mean_square(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    residual, weight = (torch.randn(5, 37) * 9).to(dtype), torch.rand(37).to(dtype)
    out = torch.empty_like(residual)

    kernels.rms_norm(kernels.view(residual), (kernels.view(weight), np.float32(0.1)), kernels.view(out))

    assert is_close(out, F.rms_norm(residual.double(), (37,), weight.double(), 0.1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_change_is_added_to_the_residual_stream_before_it_is_normalised(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    residual, change = torch.randn(5, 37).to(dtype), torch.randn(5, 37).to(dtype)
    weight, out = torch.rand(37).to(dtype), torch.empty(5, 37, dtype=dtype)
    expected = residual + change

    norm = (kernels.view(weight), np.float32(0.1))
    kernels.add_and_rms_norm(kernels.view(residual), kernels.view(change), norm, kernels.view(out))

    assert torch.equal(residual, expected)
    assert is_close(out, F.rms_norm(expected.double(), (37,), weight.double(), 0.1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_up_half_is_multiplied_by_the_silu_of_the_gate(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    gate_and_up = (torch.randn(4, 66) * 20).to(dtype)  # far into both ends of the exponential function
    gate_and_up[0, :4] = torch.tensor([-300.0, 300.0, 0.0, -88.0])
    out = torch.empty(4, 33, dtype=dtype)

    kernels.swiglu(kernels.view(gate_and_up), kernels.view(out))

    gate, up = gate_and_up.double().chunk(2, -1)
    assert is_close(out, F.silu(gate) * up)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_not_finite_stays_one(bad: float, dtype: torch.dtype) -> None:
    residual, weight = torch.ones(2, 8, dtype=dtype), torch.ones(8, dtype=dtype)
    residual[1, 3] = bad
    out, activated = torch.zeros_like(residual), torch.zeros(2, 4, dtype=dtype)

    kernels.rms_norm(kernels.view(residual), (kernels.view(weight), np.float32(1e-5)), kernels.view(out))
    kernels.swiglu(kernels.view(residual), kernels.view(activated))

    assert [bool(row.isfinite().all()) for row in out] == [True, False]
    assert [bool(row.isfinite().all()) for row in activated] == [True, False]


@pytest.mark.parametrize("dtype", DTYPES)
def test_attention_reads_the_columns_after_the_padding_and_writes_the_new_one(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    n_rows, n_heads, n_keys, size, end = 3, 6, 2, 8, 7
    qkv = torch.randn(n_rows, (n_heads + 2 * n_keys) * size).to(dtype)
    keys, values = (torch.randn(n_rows, n_keys, 9, size).to(dtype) for _ in range(2))
    angles, first = torch.rand(n_rows, size // 2) * 6, torch.tensor([0, 3, 6])
    before, out = keys.clone(), torch.empty(n_rows, n_heads * size, dtype=dtype)

    rotation = (kernels.view(angles.cos()), kernels.view(angles.sin()), np.float32(0.3))
    cache = (kernels.view(keys), kernels.view(values), kernels.view(first), end)
    kernels.attend(kernels.view(qkv), rotation, cache, kernels.view(out))

    heads = qkv.double().view(n_rows, -1, size)
    turned = torch.complex(heads[..., : size // 2], heads[..., size // 2 :]) * torch.polar(
        torch.ones(()).double(), angles.double()
    ).unsqueeze(1)
    rotated = torch.cat([turned.real, turned.imag], dim=-1)
    assert is_close(keys[:, :, end - 1], rotated[:, n_heads:-n_keys])
    assert torch.equal(values[:, :, end - 1].double(), heads[:, -n_keys:])
    assert torch.equal(keys[:, :, : end - 1], before[:, :, : end - 1])
    for row in range(n_rows):
        columns = slice(int(first[row]), end)
        expected = F.scaled_dot_product_attention(
            rotated[row, :n_heads, None],
            keys[row, :, columns].double(),
            values[row, :, columns].double(),
            scale=0.3,
            enable_gqa=True,
        )
        assert is_close(out[row], expected.flatten())


def test_kernels_use_as_many_threads_as_pytorch() -> None:
    code = (
        "import numba, torch; from rater.steering.cpu_decoding import kernels; torch.set_num_threads(1);"
        "kernels.use_threads_of_torch(); print(numba.get_num_threads(), torch.get_num_threads())"
    )

    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.split() == ["1", "1"]


def test_kernels_work_where_no_folder_for_their_cache_can_be_written() -> None:
    code = (
        "import numba.core.caching as c; c.CacheImpl._locator_classes = [];"
        "import torch; from rater.steering.cpu_decoding import kernels as k; x = torch.zeros(1, 2);"
        "y = torch.ones(1, 1); k.swiglu(k.view(x), k.view(y)); print(y.item())"
    )

    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.split() == ["0.0"]
