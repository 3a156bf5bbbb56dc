"""Learn from a pilot study what a planner would otherwise assume: how much raters, prompts and texts differ.

Most of it needs no arm, and so no unblinding of the pilot. How much the effect differs between raters and
between prompts does; a pilot is hardly informative about it (its estimate is often 0),
so it is never planned with less than 0.5 logits (statistics.md section 7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged, as_scored, ends_of
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.crossed import compare_scores, free_components
from rater.analysis.ordinal.clmm import fit_clmm, fit_levels
from rater.analysis.ordinal.design import CannotFitError
from rater.analysis.prepare import tell_texts_apart
from rater.analysis.quality import Judgements, first_judgements
from rater.analysis.read_ratings import load_table, read
from rater.analysis.reml import NoFit, fit_reml
from rater.analysis.sentences import counted
from rater.analysis.simulate import (
    LOGISTIC_SD,
    AnswerModel,
    ContinuousAnswers,
    Cuts,
    ModelSDs,
    PairwiseAnswers,
    evenly_cut,
    tie_share,
)
from rater.analysis.validation import NEEDED, require_on_scale, validate_frame
from rater.errors import RaterError, listed
from rater.names import normalise_name

Floats = NDArray[np.float64]
MIN_SLOPE = 0.5
MAX_CELLS = 1_000_000
# A cut that nothing reaches, in logits.
_FAR = 50.0
_WITHOUT_ARMS = (
    "the SDs of the effect by rater and by prompt were assumed (0.5 logits each): their estimation needs the "
    "arms of the pilot"
)
_ITEMS_HOLD_ARMS = "the arms of the pilot were not known, so its effect counts as variation of texts"


@dataclass(frozen=True)
class Pilot:
    """The scale and the parameters that were estimated from a pilot."""

    scale: AnswerModel
    spread: ModelSDs
    n_raters: int
    n_answers: int
    notes: tuple[str, ...]
    """Assumed parameters, with reasons."""


def assume(judged: Judged) -> AnswerModel:
    """Choose how levels become answers where nothing is known: five logits fill a line, as five points."""
    return kind_of(judged).assume(judged)


def read_pilot(path: Path, dimension: str) -> pd.DataFrame:
    """Read a table of a pilot's ratings: rater, item, prompt, dimension, answer, and arm where it is known.

    Without a column ``dimension`` all ratings are taken to be on the one named.

    Raises:
        RaterError: If the file or a column does not exist, or a value is missing or not a number.
    """
    try:
        return _read_pilot(path, dimension)
    except RaterError as error:
        hint = " These options are those of rater analyze --from; change the pilot's table."
        msg = f"{error}{hint}" if "--" in str(error) else str(error)
        raise RaterError(msg) from error


def _read_pilot(path: Path, dimension: str) -> pd.DataFrame:
    table = load_table(path)
    is_blind = "arm" not in table.columns
    if is_blind and "item" not in table.columns:
        msg = f"{path} has neither a column 'item' nor a column 'arm'; one of them must identify the texts."
        raise RaterError(msg)
    if is_blind:
        table = replace(table, columns={**table.columns, "arm": ["unknown"] * len(table)})
    frame = read(table, drop_empty=True)
    if is_blind:
        frame = frame.drop(columns="arm")
    return frame if "dimension" in table.columns else frame.assign(dimension=dimension)


def learn(frame: pd.DataFrame, judged: Judged, *, contrast: tuple[str, str] | None = None) -> Pilot:
    """Estimate a pilot's variances on one dimension. Costs a fit of all of its answers.

    Args:
        frame: Rater, item, prompt, dimension, answer; arm, too, where the pilot is unblinded.
        judged: The dimension, as the study to be planned has it.
        contrast: The arms compared, where the frame names arms.

    Raises:
        RaterError: If the frame has no answers on the dimension, or some that its scale does not have.
    """
    judged = as_scored(judged)
    of_pilot = validate_frame(frame, needed=tuple(name for name in NEEDED if name != "arm"))
    require_on_scale(of_pilot, judged)
    if "arm" not in of_pilot.columns:
        of_pilot = of_pilot.assign(arm="")
    of_pilot, _ = tell_texts_apart(of_pilot)
    rows = judged_only(first_showings(of_pilot))
    rows = rows[rows["dimension"] == judged.name]
    if rows.empty:
        named = ", ".join(sorted(map(str, set(frame["dimension"])))) or "none"
        msg = f"The pilot has no answers on {judged.name}; its dimensions: {named}."
        raise RaterError(msg)
    return kind_of(judged).learn(rows, judged, contrast, has_arms="arm" in frame.columns)


def learn_from_scores(
    rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str] | None, *, has_arms: bool
) -> Pilot:
    """Estimate the variances of ratings on points or of numbers; see `learn`.

    Args:
        rows: The judged first showings on the dimension.
        judged: The dimension, as the study to be planned has it.
        contrast: The arms compared, where they are known.
        has_arms: True if the pilot names the arms of its texts.
    """
    names = {normalise_name(str(arm)): arm for arm in rows["arm"].unique()}
    contrast = contrast and (normalise_name(contrast[0]), normalise_name(contrast[1]))
    first = first_judgements(rows, judged.name, ())
    prompts = rows.drop_duplicates("item").set_index(rows.drop_duplicates("item")["item"].astype(str))[
        "prompt"
    ]
    items = sorted(prompts.index)
    prompt = np.unique(prompts.loc[items].astype(str), return_inverse=True)[1][first.item]
    learnt = _from_points if judged.scale.levels else _from_line
    pilot = learnt(first, prompt, judged)
    if contrast is None or not set(contrast) <= set(names):
        notes = _notes_without_contrast(rows, contrast, has_arms=has_arms)
        return replace(pilot, notes=(*pilot.notes, *notes))
    return _with_slopes(pilot, rows, judged, (names[contrast[0]], names[contrast[1]]))


def _notes_without_contrast(
    rows: pd.DataFrame, contrast: tuple[str, str] | None, *, has_arms: bool
) -> tuple[str, str]:
    """Return why the effect's variances are assumed: the arms are unknown, or have other names."""
    if not has_arms or contrast is None:
        return _ITEMS_HOLD_ARMS, _WITHOUT_ARMS
    arms = listed(sorted({str(arm) for arm in rows["arm"].unique()}))
    unlike = (
        f"the pilot's arms are {arms}, but the study's contrast is {contrast[0]} − {contrast[1]}, so the "
        "effect in the pilot counts as variation of texts; use the study's names of arms in the pilot"
    )
    return (
        unlike,
        "the SDs of the effect by rater and by prompt were assumed (0.5 logits each)",
    )


def _from_points(first: Judgements, prompt: NDArray[np.intp], judged: Judged) -> Pilot:
    factors, notes = _factors(first, prompt)
    points = [level.value for level in judged.scale.levels]
    try:
        fit = fit_levels(first.answer, factors)
    except CannotFitError as error:
        notes = (*notes, f"nothing was estimated, because {error}")
        return _pilot(evenly_cut(len(points), points[0]), {}, first, notes)
    at = []
    for point in points[:-1]:
        below = sum(category <= point for category in fit.categories)
        if below == 0 or below == len(fit.categories):
            at.append(_FAR if below else -_FAR)
        else:
            at.append(fit.thresholds[below - 1])
    return _pilot(Cuts(tuple(at), points[0]), fit.sds, first, notes)


def _from_line(first: Judgements, prompt: NDArray[np.intp], judged: Judged) -> Pilot:
    """Take REML variances of raters and items, and split the items' between and within prompts."""
    low, high = ends_of(judged)
    factors, notes = _factors(first, prompt)
    usual = ContinuousAnswers(low, high, float(first.answer.mean()), (high - low) / 5)
    drawn = first.among(max(MAX_CELLS // first.n_items, 2), np.random.default_rng(0))
    item = np.unique(drawn.item, return_inverse=True)[1]
    # A factor whose levels cannot be separated from single answers is left to the residual.
    free = ("rater" in factors, item.max() > 0 and item.max() + 1 < item.size)
    can_fit = any(free) and np.ptp(drawn.answer) > 0
    fit = fit_reml(drawn.rater, item, drawn.answer, np.ones(item.size), free=free) if can_fit else None
    if fit is None or isinstance(fit, NoFit) or fit.residual_variance <= 0:
        return _pilot(usual, {}, first, (*notes, "nothing was estimated, because too little varies"))
    unit = float(np.sqrt(fit.residual_variance)) / LOGISTIC_SD
    between = min(_between_prompts(first, prompt), fit.prompt_variance)
    variances = {"rater": fit.rater_variance, "prompt": between, "item": fit.prompt_variance - between}
    sds = {name: float(np.sqrt(variance)) / unit for name, variance in variances.items() if name in factors}
    return _pilot(ContinuousAnswers(low, high, usual.middle, unit), sds, first, notes)


def _between_prompts(first: Judgements, prompt: NDArray[np.intp]) -> float:
    """Estimate the variance between prompts from the items' means: (MS between − MS within) / n₀."""
    n = np.bincount(first.item)
    means = np.bincount(first.item, weights=first.answer) / n
    of_item = np.zeros(n.size, dtype=np.intp)
    of_item[first.item] = prompt
    sizes = np.bincount(of_item)
    k, total = sizes.size, n.size
    if k < 2 or total <= k:
        return 0.0
    prompt_means = np.bincount(of_item, weights=means) / sizes
    within = float(((means - prompt_means[of_item]) ** 2).sum()) / (total - k)
    between = float((sizes * (prompt_means - means.mean()) ** 2).sum()) / (k - 1)
    n_0 = (total - float((sizes**2).sum()) / total) / (k - 1)
    return max((between - within) / n_0, 0.0)


def learn_from_choices(rows: pd.DataFrame, judged: Judged) -> Pilot:
    """Estimate the share of ties of choices between two texts; see `learn`."""
    answers = rows["answer"].to_numpy(dtype=np.float64)
    ties = float((answers == 0).mean())
    tie = (
        float(optimize.brentq(lambda t: tie_share(t) - ties, 0, _FAR)) if 0 < ties < 1 else usual_tie(judged)
    )
    note = "of choices only the share of ties was estimated; how much raters and texts differ was assumed"
    return Pilot(
        PairwiseAnswers(tie if ties else 0.0, judged.scale.strongest),
        ModelSDs(),
        rows["rater"].nunique(),
        len(rows),
        (note,),
    )


def usual_tie(judged: Judged) -> float:
    """Half a logit either way: a fifth of all choices between equal arms; none where none is offered."""
    return 0.5 if judged.scale.allows_tie else 0.0


def _factors(
    first: Judgements, prompt: NDArray[np.intp]
) -> tuple[dict[str, NDArray[np.intp]], tuple[str, ...]]:
    """Choose the factors whose variances the pilot can separate."""
    factors, notes = {}, []
    n_prompts = np.unique(prompt).size
    for name, codes in (("rater", first.rater), ("prompt", prompt), ("item", first.item)):
        n_levels = np.unique(codes).size
        single = name == "item" and n_levels == n_prompts
        if 1 < n_levels < codes.size and not single:
            factors[name] = codes
        else:
            why = "each prompt has one" if single else f"the pilot has {counted(n_levels, name)}"
            notes.append(f"how much {name}s differ was assumed: {why}")
    return factors, tuple(notes)


def _pilot(scale: AnswerModel, sds: Mapping[str, float], first: Judgements, notes: tuple[str, ...]) -> Pilot:
    spread = replace(ModelSDs(), **dict(sds))
    return Pilot(scale, spread, first.n_raters, first.n.answers, notes)


def _with_slopes(pilot: Pilot, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]) -> Pilot:
    """Add what needs the arms: how much the effect differs between raters and between prompts."""
    found = (
        _slopes_of_points(rows, contrast)
        if judged.scale.levels
        else _slopes_of_line(pilot, rows, judged, contrast)
    )
    if found is None:
        return replace(
            pilot,
            notes=(
                *pilot.notes,
                "the SDs of the effect could not be estimated and were assumed (0.5 logits)",
            ),
        )
    rater_arm, prompt_arm = (max(slope, MIN_SLOPE) for slope in found)
    note = (
        f"the SD of the effect was {found[0]:.2f} logits by rater and {found[1]:.2f} by prompt; values below "
        f"{MIN_SLOPE:g} are not used for planning"
    )
    spread = replace(pilot.spread, rater_arm=rater_arm, prompt_arm=prompt_arm)
    return replace(pilot, spread=spread, notes=(*pilot.notes, note))


def _slopes_of_points(rows: pd.DataFrame, contrast: tuple[str, str]) -> tuple[float, float] | None:
    chosen = rows[rows["arm"].isin(contrast)]
    factors = {name: chosen[name].astype(str).to_numpy(dtype=np.str_) for name in ("rater", "prompt")}
    x = np.where((chosen["arm"] == contrast[0]).to_numpy(), 0.5, -0.5)
    try:
        fit = fit_clmm(chosen["answer"].to_numpy(dtype=np.float64), x, factors, slopes=("rater", "prompt"))
    except CannotFitError:
        return None
    slopes = {component.factor: component.slope_sd or 0.0 for component in fit.components}
    return slopes["rater"], slopes["prompt"]


def _slopes_of_line(
    pilot: Pilot, rows: pd.DataFrame, judged: Judged, contrast: tuple[str, str]
) -> tuple[float, float] | None:
    cells = compare_scores(rows, contrast, judged.name).cells
    assert isinstance(pilot.scale, ContinuousAnswers)  # noqa: S101 (the scale has no points)
    if min(cells.n.raters, cells.n.prompts) < 2:
        return None
    free = free_components(cells.scores("scale_points"))
    fit = fit_reml(cells.rater, cells.prompt, cells.scale_points, cells.weight, free=free)
    if isinstance(fit, NoFit):
        return None
    unit = pilot.scale.unit
    return float(np.sqrt(fit.rater_variance)) / unit, float(np.sqrt(fit.prompt_variance)) / unit
