"""Fast decoding on a CPU: one token of each sequence per step, through oneDNN with packed weights.

PyTorch's CPU kernels are slow for matrices with few rows. `fast_decoder` replaces them for float32 models on
the CPU, and for plain Llama models in bfloat16, too. It is the interface of this package: no other module
imports its parts.

`__init__.pyi` lists the public names. Each is loaded on first use: importing the package loads no torch.

Measured on two cores with the embedded model and 60 sequences in float32: a step takes 1.15 times as long as
its matrix products alone, and generation 1.25 times; `tests/benchmarks/generate.py` prints the ratios.
"""

import lazy_loader

# Packed weights are a copy. If it would be larger than this, the weights are not packed.
MAX_PACKED_BYTES = 2 * 2**30

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
