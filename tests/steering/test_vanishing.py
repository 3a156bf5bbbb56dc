"""Directions that are zero at every position are refused, whatever made them so."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import get_x_vector, resolve
from rater.steering.comparisons import print_n_comparisons
from rater.steering.formats import save_vectors
from rater.steering.vectors import SteeringVector
from rater.study.arms import ActivationAddition, DatasetVector, RandomVector, VectorFile, XVector

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::rater.steering.additions.BosOnlyWarning"),
]
LOVE = XVector("Love", "Hate", coeff=12, at=2)
TEXTS = ("I love this.", "Good day.", "What a night!")


def saved(folder: Path, model: TransformerBridge) -> VectorFile:
    path = folder / "zero.safetensors"
    vector = SteeringVector("blocks.6.hook_resid_pre", torch.zeros(1, 576), when="all")
    save_vectors(path, [vector], model, made="nothing")
    return VectorFile(str(path), coeff=3)


@pytest.mark.parametrize(
    "addition",
    [
        XVector("Love", "Love", coeff=12, at=2),
        XVector("Love", "Love", coeff=12, at=2, read="mean", when="all"),
        XVector("", "", coeff=1, at=6),
        XVector("Love", "Love", relative=0.2, at=2),
        DatasetVector(positive=TEXTS, negative=TEXTS, at=12, coeff=3, when="all"),
        DatasetVector(positive=TEXTS, negative=TEXTS[::-1], at=12, coeff=3, when="all"),
        DatasetVector(positive=TEXTS, negative=TEXTS, at=12, coeff=3, when="all", method="pca"),
        RandomVector(XVector("Love", "Love", coeff=12, at=2)),
        RandomVector((LOVE, XVector("Hate", "Love", coeff=12, at=2))),
    ],
    ids=str,
)
def test_an_addition_that_is_zero_at_every_position_is_refused(
    embedded_model: TransformerBridge, addition: XVector
) -> None:
    with pytest.raises(ModelError, match=r"additions\[0\].*at every position"):
        resolve(embedded_model, [addition])


@pytest.mark.parametrize(
    "additions",
    [
        (LOVE, XVector("Hate", "Love", coeff=12, at=2)),
        (LOVE, XVector("Love", "Hate", coeff=-12, at="blocks.2.hook_resid_pre")),
        (ActivationAddition(3, 6, "Love"), ActivationAddition(-3, 6, "Love")),
        (
            ActivationAddition(1, 6, "Love"),
            ActivationAddition(2, 6, "Love"),
            ActivationAddition(-3, 6, "Love"),
        ),
        tuple(get_x_vector("Love", "Love", 5, 6)),
    ],
    ids=["turned", "negative", "two terms", "three terms", "a pair of one text"],
)
def test_additions_that_cancel_are_refused(
    embedded_model: TransformerBridge, additions: Sequence[XVector]
) -> None:
    with pytest.raises(ModelError, match="cancel each other at every position"):
        resolve(embedded_model, additions)


def test_a_file_of_zeros_is_refused(embedded_model: TransformerBridge, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"zero at every position"):
        resolve(embedded_model, [saved(tmp_path, embedded_model)])


def test_the_library_refuses_too(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="at every position"):
        print_n_comparisons(
            prompt="I hate you because",
            model=embedded_model,
            activation_additions=list(get_x_vector("Love", "Love", 5, 6)),
            num_comparisons=1,
            tokens_to_generate=2,
            seed=0,
            temperature=1,
            freq_penalty=1,
            top_p=0.3,
        )


@pytest.mark.parametrize(
    "additions",
    [
        (XVector("Love", "Hate", coeff=0, at=2),),
        (LOVE, XVector("Hate", "Love", coeff=11, at=2)),
        (LOVE, XVector("Hate", "Love", coeff=12, at=3)),
        (LOVE, XVector("Hate", "Love", coeff=12, at=2, position="back")),
        (),
    ],
    ids=["coefficient 0", "another coefficient", "another layer", "another position", "nothing"],
)
def test_what_does_not_vanish_is_taken(
    embedded_model: TransformerBridge, additions: Sequence[XVector]
) -> None:
    resolve(embedded_model, additions)
