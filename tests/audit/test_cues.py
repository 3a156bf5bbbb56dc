"""Cues that are planted in texts or in their assignment are found, and none where there is none."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.audit.cues import FORMS, measure_cues, separate, word_repetition
from rater.audit.findings import Cue
from rater.audit.marks import AuditedPublication
from rater.store.rating.publication import NewBooklet, NewItem
from rater.store.rating.studies import PublishedStudy
from rater.study.arms import Sampling, Steered, Unsteered, XVector
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.study.state import State
from rater.study.study import Study

N_PROMPTS, N_SAMPLES = 10, 4
WORDS = [
    "the",
    "day",
    "was",
    "long",
    "and",
    "we",
    "went",
    "home",
    "to",
    "eat",
    "some",
    "bread",
    "by",
    "a",
    "lake",
]
Plant = Callable[[str], str]


def make_audited(plant: Plant = str, *, seed: int = 1) -> AuditedPublication:
    """A study of two arms whose texts are drawn alike; ``plant`` changes those of the steered arm."""
    rng = np.random.default_rng(seed)
    study = Study(
        name="a_study",
        title="How happy?",
        consent="You will rate texts.",
        instructions="Say how happy.",
        dimensions=(Dimension(name="happiness", question="How happy?", scale=Likert(low="no", high="yes")),),
        prompts=tuple(f"Prompt {n}" for n in range(N_PROMPTS)),
        arms=(Unsteered(), Steered(additions=(XVector("Love", "Hate", coeff=5.0, at=6),))),
        sampling=Sampling(samples_per_prompt=N_SAMPLES),
    )
    items, arms = [], {}
    for prompt in study.prompts:
        for arm in study.arm_names:
            for _ in range(N_SAMPLES):
                item_id = rng.bytes(16).hex()
                text = " " + " ".join(rng.choice(WORDS, size=int(rng.integers(20, 40))))
                text += str(rng.choice([".", " and", '."', "\n"]))
                items.append(NewItem(item_id, prompt, plant(text) if arm == "steered" else text))
                arms[item_id] = arm
    items.sort(key=lambda item: item.id)
    booklets = [NewBooklet.of(f"b{n}", (items[i].id for i in rng.permutation(len(items)))) for n in range(12)]
    published = PublishedStudy(
        1,
        "a_study",
        "slug",
        State.PUBLISHED,
        study.protocol,
        study.hash,
        "c",
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    return AuditedPublication(study, published, tuple(items), tuple(booklets), arms, frozenset(), ())


def measure(audited: AuditedPublication, skeletons: dict[str, str] | None = None) -> dict[str, Cue]:
    cues = measure_cues(audited, skeletons or {}, np.random.default_rng(0))
    return {cue.name: cue for cue in cues}


def test_a_clean_study_has_no_confound_whatever_the_draw() -> None:
    marked = [
        cue.name for seed in range(20) for cue in measure(make_audited(seed=seed)).values() if cue.is_confound
    ]

    assert len(marked) <= 2  # of 20 studies, each with a family-wise chance of 5 %: more than 2 in one of 13


def test_a_clean_study_is_not_refused() -> None:
    assert not any(cue.refuses for seed in range(20) for cue in measure(make_audited(seed=seed)).values())


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("length in characters", lambda text: text[:60]),
        ("length in words", lambda text: text + " word" * 30),
        ("leading white space", lambda text: " " + text),
        ("trailing white space", lambda text: text + "  "),
        ("unprintable or odd characters", lambda text: text + "\u200b"),
        ("characters beyond ASCII", lambda text: text.replace("a", "ä")),
        ("cut off (no final punctuation)", lambda text: text.rstrip('." \n') + " the"),
        ("line breaks", lambda text: text.replace(" ", "\n", 5)),
        ("lines of a list", lambda text: "\n- one\n- two" + text),
        ("quotation marks", lambda text: ' "' + text.strip() + '"'),
        ("Markdown and brackets", lambda text: text.replace("day", "**day**") + " **x**"),
        ("digits", lambda text: text + " 12"),
        ("share of capitals", str.upper),
        ("repetition", lambda text: text + text + text),
    ],
)
def test_a_planted_form_is_marked(name: str, plant: Plant) -> None:
    cue = measure(make_audited(plant))[name]

    assert cue.is_confound
    assert cue.low is not None
    assert cue.high is not None
    assert not cue.low <= 0.5 <= cue.high
    assert not cue.refuses


def test_every_form_that_is_measured_has_its_planted_case() -> None:
    assert set(FORMS) == {
        "length in characters", "length in words", "leading white space", "trailing white space",
        "unprintable or odd characters", "characters beyond ASCII", "cut off (no final punctuation)",
        "line breaks", "lines of a list", "quotation marks", "Markdown and brackets", "digits",
        "share of capitals", "repetition",
    }  # fmt: skip


def steered_first(audited: AuditedPublication, ids: list[str]) -> list[str]:
    return sorted(ids, key=lambda item_id: audited.arms[item_id] != "steered")


def test_ids_in_the_order_of_arms_refuse_publication() -> None:
    audited = make_audited()
    order = steered_first(audited, [item.id for item in audited.items])
    new = {old: f"{place:032x}" for place, old in enumerate(order)}
    leaking = AuditedPublication(
        audited.study,
        audited.published,
        tuple(NewItem(new[item.id], item.prompt, item.text) for item in audited.items),
        (),
        {new[old]: arm for old, arm in audited.arms.items()},
        frozenset(),
        (),
    )

    cues = measure(leaking)

    assert cues["order of ids"].refuses
    assert (cues["order of ids"].auc, cues["order of ids"].high) == (0.0, 0.0)
    assert not cues["order of rows"].refuses


def test_rows_in_the_order_of_arms_refuse_publication() -> None:
    audited = make_audited()
    rows = {item.id: item for item in audited.items}
    ordered = tuple(rows[item_id] for item_id in steered_first(audited, list(rows)))
    leaking = AuditedPublication(**{**vars(audited), "items": ordered})

    assert measure(leaking)["order of rows"].refuses


def with_booklets(audited: AuditedPublication, order: Callable[[list[str]], list[str]]) -> AuditedPublication:
    booklets = tuple(NewBooklet.of(b.id, order(list(b.item_ids))) for b in audited.booklets)
    return AuditedPublication(**{**vars(audited), "booklets": booklets})


def test_booklets_that_begin_with_one_arm_refuse_publication() -> None:
    audited = make_audited()

    cues = measure(with_booklets(audited, lambda ids: steered_first(audited, ids)))

    assert cues["position in the booklet"].refuses
    assert cues["arm of the text before"].refuses
    assert cues["arm of the text before"].auc < 0.1


def test_arms_that_alternate_refuse_publication_though_no_position_tells_them() -> None:
    audited = make_audited()

    def alternate(ids: list[str]) -> list[str]:
        first = [item_id for item_id in ids if audited.arms[item_id] == audited.arms[ids[0]]]
        second = [item_id for item_id in ids if item_id not in first]
        return [item_id for pair in zip(first, second, strict=True) for item_id in pair]

    cues = measure(with_booklets(audited, alternate))

    assert cues["arm of the text before"].refuses
    assert cues["arm of the text before"].auc > 0.9
    assert not cues["position in the booklet"].refuses


def test_an_arm_that_is_assigned_more_often_refuses_publication() -> None:
    audited = make_audited()

    def twice(ids: list[str]) -> list[str]:
        return ids + [item_id for item_id in ids if audited.arms[item_id] == "steered"]

    assert measure(with_booklets(audited, twice))["times assigned"].refuses


def test_pages_whose_markup_follows_the_arm_refuse_publication() -> None:
    audited = make_audited()
    skeletons = {
        item_id: f"<p class={'a' if arm == 'steered' else 'b'}>" for item_id, arm in audited.arms.items()
    }

    assert measure(audited, skeletons)["markup of its page"].refuses


def test_repetition_is_the_share_of_runs_that_came_before() -> None:
    assert word_repetition("one two three four") == 0.0
    assert word_repetition("a b c a b c") == 0.25
    assert word_repetition("no no no no no no no") == pytest.approx(0.8)
    assert word_repetition("") == 0.0


def test_the_auc_is_the_share_of_pairs_within_strata() -> None:
    """By hand: stratum 0 has pairs 3>1, 3>2 of (3 | 1, 2): 1; stratum 1 has 1=1 of (1 | 1): 0.5."""
    found = separate(np.array([3.0, 1, 2, 1, 1]), np.array([1, 0, 0, 1, 0], bool), np.array([0, 0, 0, 1, 1]))

    assert found is not None
    assert found.auc == pytest.approx(0.75)


def test_one_stratum_gets_delongs_interval() -> None:
    """By hand: placements 2/3, 1, 1 on both sides, each of variance 1/27, so that the error is √(2/81)."""
    found = separate(np.array([3.0, 5, 6, 1, 2, 4]), np.array([1, 1, 1, 0, 0, 0], bool), np.zeros(6, np.intp))

    assert found is not None
    assert found.auc == pytest.approx(8 / 9)
    assert found.low == pytest.approx(8 / 9 - 1.959964 * (2 / 81) ** 0.5, abs=1e-6)
    assert found.high == 1.0


def test_without_both_arms_in_a_stratum_there_is_nothing_to_say() -> None:
    assert separate(np.array([1.0, 2.0]), np.array([True, False]), np.array([0, 1])) is None


@given(st.lists(st.integers(0, 5), min_size=4, max_size=30))
def test_swapping_the_arms_mirrors_the_auc(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=float)
    is_first = np.arange(len(numbers)) % 2 == 0
    stratum = np.arange(len(numbers)) // 4

    one, other = separate(values, is_first, stratum), separate(values, ~is_first, stratum)

    assert one is not None
    assert other is not None
    assert one.auc == pytest.approx(1 - other.auc)
    assert one.p == pytest.approx(other.p)
