"""Make the random direction that a steering vector is compared with: as long, but pointing nowhere."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from rater.steering.vectors import SteeringVector


def random_like(
    vectors: Sequence[SteeringVector], seed: int, dims: tuple[int, int] | None = None
) -> tuple[SteeringVector, ...]:
    """Draw a direction for each position of each vector, uniform on the sphere, with the norm found there.

    The numbers are Philox's, the same on every machine, and depend on the seed and the shapes alone.

    Args:
        vectors: whose norms, places and times are kept.
        seed: what the numbers are drawn from.
        dims: the dimensions in which the directions lie, (start, stop); None for all.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    return tuple(_direction(vector, rng, dims) for vector in vectors)


def _direction(
    vector: SteeringVector, rng: np.random.Generator, dims: tuple[int, int] | None
) -> SteeringVector:
    drawn = rng.standard_normal(tuple(vector.activations.shape))
    if dims is not None:
        drawn[:, : dims[0]] = drawn[:, dims[1] :] = 0
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    norms = vector.norms()[:, None]
    return replace(vector, activations=norms * torch.from_numpy(unit).to(norms))
