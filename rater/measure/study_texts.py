"""The texts of a study as a metric is given them: as raters see them, in random order, without arms."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from rater.measure.metric import Shown, Unit
from rater.publish.texts import fields_with_reference, published_text, rated_completions, references_of
from rater.store.engine import disposing, reading
from rater.store.sealed.completions import KeptCompletion, read_completions
from rater.store.sealed.measurements import MeasuredTexts, hash_shown
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study, read_key
from rater.study.study import Study


@dataclass(frozen=True)
class StudyUnit:
    """A text or a pair of texts of a study, with the numbers of its completions."""

    texts: MeasuredTexts
    shown: Unit


def shown_text(study: Study, completion: KeptCompletion, references: Mapping[int, str]) -> Shown:
    """Return what a metric is given of a completion."""
    number = completion.cell.prompt_index
    fields = fields_with_reference(study, number, references)
    return Shown(study.rated_items[number].prompt, published_text(study, completion.text), fields)


def read_item_texts(sealed_url: str, study_name: str) -> dict[str, Shown]:
    """Return what raters see of each published item, by its id; nothing before publication.

    Raises:
        NotGeneratedError: the study was not generated.
    """
    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        sealed = get_sealed_study(session, study_name)
        completions = {each.id: each for each in read_completions(session, sealed.id)}
        key = read_key(session, sealed.id)
    study = Study.model_validate_json(sealed.canonical_json)
    references = references_of(study, completions.values())
    return {item: shown_text(study, completions[completion], references) for item, completion in key.items()}


def list_units(
    study: Study, completions: Sequence[KeptCompletion], *, n_texts: int, repeats: int = 1
) -> list[StudyUnit]:
    """List what is to be measured, in the order of completions.

    Pairs are those that raters may see: two texts of a prompt of the same sample, each in both orders.
    """
    references = references_of(study, completions)
    completions = rated_completions(study, completions)
    shown = {each.id: shown_text(study, each, references) for each in completions}
    ids = [(each.id, each.id) for each in completions] if n_texts == 1 else _pairs(completions)
    units = []
    for first, second in ids:
        unit = (shown[first],) if n_texts == 1 else (shown[first], shown[second])
        hashed = hash_shown([asdict(each) for each in unit])
        units += [StudyUnit(MeasuredTexts(first, second, repeat, hashed), unit) for repeat in range(repeats)]
    return units


def _pairs(completions: Iterable[KeptCompletion]) -> list[tuple[int, int]]:
    by_sample: dict[tuple[int, int], list[int]] = defaultdict(list)
    for each in completions:
        by_sample[each.cell.prompt_index, each.cell.sample].append(each.id)
    pairs = [pair for ids in by_sample.values() for pair in combinations(ids, 2)]
    return [order for first, second in pairs for order in ((first, second), (second, first))]


def in_random_order(units: Sequence[StudyUnit], order_seed: str) -> list[StudyUnit]:
    """Shuffle units; the same seed gives the same order, so that a run that is continued keeps it."""
    rng = np.random.default_rng(int(order_seed, 16))
    return [units[index] for index in rng.permutation(len(units))]
