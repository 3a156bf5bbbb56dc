"""Check the analysis plan of a study against its arms, dimensions, questionnaire and booklets."""

from typing import TYPE_CHECKING

from rater.errors import nearest
from rater.study.analysis_plan import require_mixed_model
from rater.study.declaration import require_different

if TYPE_CHECKING:
    from rater.study.study import Study


def require_arms(study: "Study") -> None:
    """Refuse contrasts of arms that the study does not have, and of an arm with itself.

    Raises:
        ValueError: If one does not fit; pydantic adds the place.
    """
    named = [("contrast", name) for name in study.contrast]
    for index, each in enumerate(study.analysis.contrasts):
        named += [(f"contrasts[{index}]", each.first), (f"contrasts[{index}]", each.second)]
    for place, name in named:
        if name not in study.arm_names:
            msg = f"analysis.{place}: unknown arm {name!r}." + nearest(name, study.arm_names)
            raise ValueError(msg)
    if study.contrast[0] == study.contrast[1]:
        msg = f"analysis.contrast compares {study.contrast[0]!r} with itself; name two different arms"
        raise ValueError(msg)


def require_dimensions(study: "Study") -> None:
    """Refuse composite scores, a primary dimension and a coprimary test that do not fit the dimensions.

    Raises:
        ValueError: If one does not fit; pydantic adds the place.
    """
    if study.analysis.composites and study.plan.asking != "together":
        msg = (
            f"analysis.composites combines answers about one text, but plan.asking is "
            f"{study.plan.asking!r}, so that a rater is asked about a text on one dimension only; set "
            "plan.asking='together'"
        )
        raise ValueError(msg)
    try:
        composites = study.composites
    except ValueError as error:
        msg = f"analysis.composites: {error}"
        raise ValueError(msg) from error
    names = [*(each.name for each in study.dimensions), *(each.name for each in composites)]
    if study.primary not in names:
        msg = f"analysis.primary: unknown dimension {study.primary!r}." + nearest(study.primary, names)
        raise ValueError(msg)
    coprimary = study.analysis.coprimary
    if coprimary is None:
        return
    if coprimary.dimension not in names:
        valid = nearest(coprimary.dimension, names)
        msg = f"analysis.coprimary.dimension: unknown dimension {coprimary.dimension!r}.{valid}"
        raise ValueError(msg)
    if coprimary.dimension == study.primary:
        msg = (
            f"analysis.coprimary.dimension is {study.primary!r}, the primary one; name another dimension, "
            "or set analysis.sesoi to compare the primary difference with a margin"
        )
        raise ValueError(msg)


def require_moderators(study: "Study") -> None:
    """Refuse moderators that are not questions of the questionnaire, or that the planned test cannot have.

    Raises:
        ValueError: If one does not fit; pydantic adds the place.
    """
    require_different("analysis.moderators", study.analysis.moderators, "name each once")
    kinds = {each.name: each.kind for each in study.questionnaire}
    for name in study.analysis.moderators:
        if name not in kinds:
            msg = f"analysis.moderators: unknown question {name!r}." + nearest(name, kinds)
            raise ValueError(msg)
        if kinds[name] not in {"choice", "number"}:
            msg = (
                f"analysis.moderators: {name!r} is a question of kind {kinds[name]!r}; valid: a question "
                "of kind 'choice' or 'number'"
            )
            raise ValueError(msg)
    if study.analysis.moderators and study.planned_test == "mixed_model":
        msg = (
            "analysis.moderators compares differences within raters, which a linear mixed model of all "
            "answers does not have; leave it out, or use test='cell_scores'"
        )
        raise ValueError(msg)


def require_test(study: "Study") -> None:
    """Refuse a primary test that the design of the booklets does not allow.

    Raises:
        ValueError: If one does not fit; pydantic adds the place.
    """
    one_arm = study.plan.arms_per_prompt == "one"
    if study.n_texts > 1 and (one_arm or study.analysis.test == "mixed_model"):
        place = "plan.arms_per_prompt is 'one'" if one_arm else "analysis.test is 'mixed_model'"
        msg = f"{place}, but trials of this study show {study.n_texts} texts of different arms; leave it out"
        raise ValueError(msg)
    if one_arm and study.analysis.test == "cell_scores":
        msg = (
            "analysis.test is 'cell_scores', but with plan.arms_per_prompt='one' no rater sees two arms "
            "of a prompt; valid: 'mixed_model', or leave it out"
        )
        raise ValueError(msg)
    if one_arm and len(set(study.prompts)) < len(study.prompts):
        msg = (
            "plan.arms_per_prompt is 'one', so that no rater sees a prompt twice, but items has the same "
            "prompt with different fields; give each item its own prompt"
        )
        raise ValueError(msg)
    if one_arm:
        try:
            require_mixed_model(scope=study.analysis.scope, score=study.analysis.score)
            if study.analysis.coprimary is not None:
                score = study.analysis.coprimary.score
                require_mixed_model(scope=study.analysis.scope, score=score, place="coprimary.")
        except ValueError as error:
            msg = f"plan.arms_per_prompt is 'one', which needs a linear mixed model: analysis.{error}"
            raise ValueError(msg) from error
