import pytest

from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
)
from rater.study.arms import Arm, ExternalCompletions, OtherModel, Prompted
from rater.study.concepts import Concept
from rater.study.describe import describe, describe_arm, describe_concepts

LOVE = XVector("Love", "Hate", coeff=5, at=6)


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        (LOVE, "5 × ('Love' − 'Hate') at blocks.6.hook_resid_pre"),
        (
            XVector("Love", "Hate", relative=0.5, at=6, position="back", dims=(0, 288)),
            (
                "0.5 of the residual norm × ('Love' − 'Hate') at blocks.6.hook_resid_pre, position back, "
                "dimensions 0 to 287"
            ),
        ),
        (ActivationAddition(-1.5, "hook_embed", "Love"), "-1.5 × 'Love' at hook_embed"),
        (ActivationAddition(1, 6, tokens=(1, 2)), "1 × tokens (1, 2) at blocks.6.hook_resid_pre"),
        (
            DatasetVector(["a", "b"], ["c"], coeff=2, at=6, when="all"),
            "2 × (2 texts − 1 texts, mean_difference) at blocks.6.hook_resid_pre, all tokens",
        ),
        (VectorFile("love.gguf", coeff=3), "3 × the vector in love.gguf"),
        (
            RandomVector((ActivationAddition(2, 6, "Love"), ActivationAddition(-2, 6, "Hate"))),
            (
                "a random direction (seed 0) with the norm of the sum of 2 × 'Love' at "
                "blocks.6.hook_resid_pre + -2 × 'Hate' at blocks.6.hook_resid_pre"
            ),
        ),
        (
            RandomVector(LOVE, seed=4),
            "a random direction (seed 4) with the norm of 5 × ('Love' − 'Hate') at blocks.6.hook_resid_pre",
        ),
    ],
)
def test_an_addition_in_words(addition: AnyAddition, said: str) -> None:
    assert describe(addition) == said


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (Prompted(prefix="Love. "), "'Love. ' before each prompt"),
        (
            Prompted(prefix="Love. ", system="Be kind."),
            "the system prompt 'Be kind.' and 'Love. ' before each prompt",
        ),
        (OtherModel(model="gpt2"), "the model gpt2, unchanged"),
        (ExternalCompletions(path="gpt.jsonl"), "completions from gpt.jsonl"),
    ],
)
def test_an_arm_in_words(arm: Arm, said: str) -> None:
    assert describe_arm(arm) == said


def test_the_additions_of_concepts_are_named_once_where_they_read_the_same() -> None:
    different = [
        Concept(words=words, additions=[XVector(words, " ", coeff=1, at=6)]) for words in ("dogs", "cats")
    ]
    same = [
        Concept(words=words, additions=[DatasetVector([words], ["a"], coeff=1, at=6)])
        for words in ("dogs", "cats")
    ]

    assert describe_concepts(different) == [
        ("concept dogs", "1 × ('dogs' − ' ') at blocks.6.hook_resid_pre"),
        ("concept cats", "1 × ('cats' − ' ') at blocks.6.hook_resid_pre"),
    ]
    assert describe_concepts(same) == [
        ("concepts", "dogs, cats"),
        ("additions of each", "1 × (1 texts − 1 texts, mean_difference) at blocks.6.hook_resid_pre"),
    ]
    assert describe_concepts([Concept(words="dogs"), Concept(words="cats")]) == [("concepts", "dogs, cats")]
    assert describe_concepts([]) == []
