"""Show the whole analysis on real answers under one secret permutation of the arms: not a look.

What is seen says nothing about the arms, so that the pipeline, the exclusions and the report can be tried on
real data while the study goes on. Files of it are masked and logged as exports are.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

from rater.publish.permutation import permute_arms
from rater.store.engine import disposing, reading
from rater.store.rating.as_published import read_booklets
from rater.store.rating.frame import read_holders
from rater.store.rating.open import open_rating
from rater.unblind.joining import Joined, collect, join, require_answers
from rater.unblind.seal import open_seal
from rater.verify import require_unaltered


@dataclass(frozen=True, kw_only=True)
class Permuted(Joined):
    """Answers with arms that are not theirs; every count of the design is as it is."""

    label: Literal["permuted"] = "permuted"


def permuted(sealed_url: str, rating_url: str, name: str, *, allow_altered: bool = False) -> Permuted:
    """Join a study's answers to permuted arms, the same ones each time; before closing, too.

    Raises:
        StateError: the study is not published, or has no answers.
        SealError: the key is not the one that was committed to, or something was altered.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        altered = require_unaltered(sealed_url, rating_url, name, allow_altered=allow_altered)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
            booklets = read_booklets(session, opened.published.id)
            holders = read_holders(session, opened.published.id)
    require_answers(opened.published, len(collected.answers))
    stand_in = permute_arms(booklets, opened.cells, opened.study.arm_names, opened.seed)
    joined = join(collected, opened, lambda rater, item: stand_in[holders[rater], item], altered=altered)
    # texts have their own arms in that table, which is what a permutation must not show
    joined = replace(joined, texts=joined.texts.iloc[:0])
    return Permuted(**{field.name: getattr(joined, field.name) for field in fields(Joined)})
