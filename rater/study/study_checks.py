"""Check a valid study before it is generated: its additions against its model, and likely mistakes.

The checks of hook points, layers and vector files load no model.
"""

import ast
import hashlib
import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from rater.errors import StudyError, nearest
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)
from rater.study.arms import ConceptSteered, ExternalCompletions, Steered
from rater.study.concepts import CONCEPT
from rater.study.fields import names_in
from rater.study.forecast import forecast
from rater.study.study import Study
from rater.study.visit import MTURK

HOOKS = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
"""The hook points of a block at which the residual stream, or an update to it, can be changed."""
_IGNORED_TOKENS = frozenset({tokenize.NL, tokenize.COMMENT})
_BLOCK = re.compile(r"blocks\.(\d+)\.(.*)", re.DOTALL)


def require_hook_points(study: Study, n_layers: int | None) -> None:
    """Refuse an addition at an unknown hook point, or at a layer that the model does not have.

    Args:
        study: The study.
        n_layers: The number of layers of the model; None if it is not known yet.

    Raises:
        StudyError: If a hook point is not valid; with the place, the arm, and what is valid.
    """
    for place, at in declared_hook_points(study):
        _require_hook_point(f"{place}: {at!r}", at, n_layers, study.model)


def declared_hook_points(study: Study) -> Iterator[tuple[str, int | str]]:
    """Yield the place in the study file, with the arm, and the layer or hook point of each addition.

    Vector files have hook points that are known only when the file is read.
    """
    for place, arm in _steered_arms(study):
        for index, addition in enumerate(arm.additions):
            for field, at in _hook_points(addition):
                yield f"{place}[{index}].{field} (arm {arm.name!r})", at


def _steered_arms(study: Study) -> Iterator[tuple[str, Steered]]:
    """Yield each steered arm, for each concept, with the place of its additions in the study file."""
    for concept, arms in enumerate(study.concrete_arms):
        for number, arm in enumerate(arms):
            if isinstance(arm, Steered) and isinstance(study.arms[number], ConceptSteered):
                yield f"concepts[{concept}].additions", arm
            elif isinstance(arm, Steered) and concept == 0:
                yield f"arms[{number}].additions", arm


def _require_hook_point(place: str, at: int | str, n_layers: int | None, model: str) -> None:
    block = None if isinstance(at, int) else _BLOCK.fullmatch(at)
    if isinstance(at, str) and at != "hook_embed" and (block is None or block[2] not in HOOKS):
        number = block[1] if block else "6"
        known = [f"blocks.{number}.{hook}" for hook in HOOKS]
        layers = " A layer number n means blocks.n.hook_resid_pre."
        msg = f"{place} is not a hook point.{nearest(at, known)}{layers}"
        raise StudyError(msg)
    layer = int(block[1]) if block else at
    if isinstance(layer, int) and n_layers is not None and layer >= n_layers:
        msg = f"{place} does not exist; {model} has layers 0 to {n_layers - 1}."
        raise StudyError(msg)


def require_vector_files(study: Study) -> None:
    """Refuse a vector file that is missing, or whose SHA-256 differs from the declared one. Reads each file.

    Raises:
        StudyError: If a file is not valid; with the place, the arm, and what is valid.
    """
    for place, arm in _steered_arms(study):
        for index, addition in enumerate(arm.additions):
            for each in addition.likes if isinstance(addition, RandomVector) else (addition,):
                if isinstance(each, VectorFile):
                    _require_vector_file(f"{place}[{index}].path (arm {arm.name!r})", each)


def _require_vector_file(place: str, file: VectorFile) -> None:
    try:
        digest = hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
    except OSError as error:
        msg = (
            f"{place}: {file.path!r} cannot be read ({error.strerror}); valid: a path from the current folder"
        )
        raise StudyError(msg) from error
    if file.sha256 is not None and digest != file.sha256:
        msg = f"{place}: {file.path!r} has the SHA-256 {digest}, but the study declares {file.sha256}"
        raise StudyError(msg)


def _hook_points(addition: AnyAddition) -> Iterator[tuple[str, int | str]]:
    """Yield the field and value of each hook point of an addition; a vector file has its own."""
    if isinstance(addition, RandomVector):
        for index, each in enumerate(addition.likes):
            place = f"like[{index}]" if isinstance(addition.like, tuple) else "like"
            yield from ((f"{place}.{field}", at) for field, at in _hook_points(each))
        return
    for field in ("at", "act_name"):
        at = getattr(addition, field, None)
        if at is not None:
            yield field, at


_NOTHING = "so its texts would equal unsteered ones"


def require_effects(study: Study) -> None:
    """Refuse an addition, or a sum of additions, that is zero at every position.

    `rater.steering.additions.resolve` refuses additions that are zero only for the activations of the model.

    Raises:
        StudyError: If an addition is zero; with the place and the arm.
    """
    for place, arm in _steered_arms(study):
        for index, addition in enumerate(arm.additions):
            for where, each in _terms(addition, f"{place}[{index}]"):
                reason = why_zero(each)
                if reason:
                    msg = f"{where} (arm {arm.name!r}) adds nothing: {reason}, {_NOTHING}."
                    raise StudyError(msg)
        if _cancel(arm.additions):
            msg = f"{place} (arm {arm.name!r}) cancel each other at every position, {_NOTHING}."
            raise StudyError(msg)


def why_zero(addition: AnyAddition) -> str:
    """Return the reason why the direction of an addition is zero for every model; empty if it need not be."""
    if isinstance(addition, XVector) and addition.prompt1 == addition.prompt2:
        return f"prompt1 and prompt2 are both {addition.prompt1!r}"
    if isinstance(addition, DatasetVector) and Counter(addition.positive) == Counter(addition.negative):
        return "positive and negative are the same texts"
    return ""


def strength_is_zero(addition: AnyAddition) -> bool:
    """Return whether the coefficient or relative strength of an addition is 0."""
    if isinstance(addition, RandomVector):
        return all(strength_is_zero(each) for each in addition.likes)
    return (addition.coeff if addition.relative is None else addition.relative) == 0


def _terms(addition: AnyAddition, place: str) -> Iterator[tuple[str, AnyAddition]]:
    """Yield an addition or, for a random one, the additions whose norms it matches."""
    if not isinstance(addition, RandomVector):
        yield place, addition
        return
    several = isinstance(addition.like, tuple)
    for index, each in enumerate(addition.likes):
        yield f"{place}.like" + (f"[{index}]" if several else ""), each


def _cancel(additions: tuple[AnyAddition, ...]) -> bool:
    """Return whether nonzero additions sum to zero."""
    if all(map(strength_is_zero, additions)):
        return False  # `remarks` warns about these
    totals: dict[Hashable, float] = defaultdict(float)
    for addition in additions:
        key, coefficient = _direction(addition)
        totals[key] += coefficient
    return all(total == 0 for total in totals.values())


def _direction(addition: AnyAddition) -> tuple[Hashable, float]:
    """Return a key of the direction and place of an addition, and its signed strength along it."""
    if isinstance(addition, RandomVector):
        return addition, 1.0  # a norm has no sign, so it never cancels
    strength = (addition.coeff if addition.relative is None else addition.relative) or 0.0
    is_relative = addition.relative is not None
    if isinstance(addition, VectorFile):
        return ("file", addition.path, addition.position, addition.when, is_relative), strength
    where = (addition.position, addition.dims, addition.when, addition.read, is_relative)
    if isinstance(addition, ActivationAddition):
        source: Hashable = (addition.prompt, addition.tokens)
        return ("activations", source, hook_name(addition.act_name), *where), strength
    if isinstance(addition, XVector):
        pair: tuple[Hashable, Hashable] = (addition.prompt1, addition.prompt2)
        kind: tuple[Hashable, ...] = ("x", addition.pad)
    else:
        pair = (tuple(addition.positive), tuple(addition.negative))
        kind = ("dataset", addition.method)
    low, high = sorted(pair, key=repr)
    sign = 1.0 if pair == (low, high) else -1.0
    return (*kind, low, high, hook_name(addition.at), *where), sign * strength


def remarks(study: Study, file: Path) -> Iterator[str]:
    """Yield one sentence for each likely mistake; none of them prevents a study from running."""
    for place, arm in _steered_arms(study):
        for index, addition in enumerate(arm.additions):
            if strength_is_zero(addition):
                field = next(
                    (name for name in ("coeff", "relative") if getattr(addition, name, None) == 0), "like"
                )
                what = "has strength 0" if field == "like" else "is 0"
                yield f"{place}[{index}].{field} {what}, so it adds nothing."
    yield from _equal_texts(study)
    for prompt in _joined(file, study.prompts):
        yield (
            f"The prompt {prompt!r} is written as two strings without a space between them: is a comma "
            "missing between two prompts?"
        )
    yield from _odd_prompts(study)
    yield from _odd_display(study)
    rated = study.design.ratings_per_item
    if rated < 1:
        samples = study.sampling.samples_per_prompt
        yield (
            f"sampling.samples_per_prompt is {samples}, but {study.n_raters} raters see each completion "
            f"{rated:.2g} times on average: at least {1 - rated:.0%} of them will never be rated."
        )
    yield from _odd_visits(study)
    yield from _narrow_claims(study)
    yield from _given_away(study)


def _given_away(study: Study) -> Iterator[str]:
    """Warn about pages that show the correct answer of a choice among labels."""
    choices = [index for index, each in enumerate(study.dimensions) if each.scale.has_target]
    if not choices or study.analysis.targets:
        return
    for index, field in enumerate(study.shown_fields):
        if field.name == CONCEPT:
            yield f"shown_fields[{index}] shows the concept of each text, which is the correct answer."
    for index, each in enumerate(study.dimensions):
        if CONCEPT in names_in(each.question):
            asked = study.dimensions[choices[0]].name
            yield (
                f"dimensions[{index}].question names the concept of each text, which is the correct answer "
                f"to {asked}."
            )


def _narrow_claims(study: Study) -> Iterator[str]:
    """Warn about results that cannot generalise: to prompts, to raters, or to concepts."""
    if len(study.prompts) == 1:
        yield "There is only one prompt, so results cannot generalise to other prompts."
    if study.n_raters == 1:
        yield "There is only one rater, so results cannot generalise to other raters."
    if study.concepts and not study.analysis.is_over_concepts:
        yield (
            f"The study has concepts, but analysis.scope is {study.analysis.scope!r}, so results cannot "
            "generalise to other concepts; with 'raters+prompts+concepts' they do."
        )


def _equal_texts(study: Study) -> Iterator[str]:
    """Warn about identical texts: greedy sampling, and arms with identical declarations."""
    sampling = study.sampling
    is_greedy = sampling.temperature == 0 or sampling.top_k == 1
    if (
        is_greedy
        and sampling.samples_per_prompt > 1
        and any(not isinstance(a, ExternalCompletions) for a in study.arms)
    ):
        setting = "temperature is 0" if sampling.temperature == 0 else "top_k is 1"
        yield (
            f"sampling.{setting} (greedy decoding), so all {sampling.samples_per_prompt} samples of a prompt "
            "are identical in each arm; set samples_per_prompt=1."
        )
    arm_of: dict[str, str] = {}
    for arm in study.arms:
        declaration = repr(arm.model_dump(mode="json", exclude={"name", "dose"}))
        other = None if isinstance(arm, ExternalCompletions) else arm_of.setdefault(declaration, arm.name)
        if other not in {None, arm.name}:
            yield f"The arms {other} and {arm.name} have the same declaration, so their texts are identical."


def _odd_visits(study: Study) -> Iterator[str]:
    """Warn about settings that block or underpay raters of a recruitment platform."""
    site = study.recruitment
    if (
        site is not None
        and site.participant_id == MTURK.participant_id
        and {"assignmentId", "hitId"} & set(site.other_parameters)
    ):
        yield (
            "Mechanical Turk adds workerId only to an ExternalQuestion, which it shows in a frame from which "
            "these pages cannot submit a HIT. Use a survey-link HIT with a code, and add workerId to its "
            "link as docs/how-to/recruit.md shows."
        )
    if site is not None and not any((study.endings.finished.code, study.endings.finished.url)):
        yield "recruitment is set but endings.finished has neither code nor url: raters cannot be paid."
    expected = forecast(study).minutes_per_rater
    if study.minutes is not None and not expected / 2 <= study.minutes <= expected * 2:
        yield (
            f"minutes is {study.minutes}, but the estimated duration of a session is {expected:.0f} minutes."
        )


def _odd_prompts(study: Study) -> Iterator[str]:
    """Warn about prompts that end in a space: most tokenizers attach the space to the next word."""
    ends = [number for number, prompt in enumerate(study.prompts) if prompt[-1:] in {" ", "\t"}]
    if ends and not study.chat:
        others = f" ({len(ends)} prompts in all)" if len(ends) > 1 else ""
        yield (
            f"prompts[{ends[0]}] ends in a space{others}: most models continue such prompts worse, because "
            "their tokens begin with the space."
        )


def _odd_display(study: Study) -> Iterator[str]:
    """Warn about rendered texts that continue a sentence of their prompt."""
    if study.rendering == "markdown" and not study.chat and not study.rated_part:
        yield (
            "rendering is 'markdown', so that each text is shown below its prompt; with chat=False the model "
            "continues the prompt, and its first words belong to the prompt's last sentence."
        )


def _joined(file: Path, prompts: Iterable[str]) -> list[str]:
    """Find prompts that Python concatenated from two literals, as it does if a comma is missing.

    A long prompt that is deliberately split over two lines has a space between its parts.
    """
    with tokenize.open(file) as source:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(source.read()).readline)
            if token.type not in _IGNORED_TOKENS
        ]
    texts = [_literal(token) for token in tokens]
    joints = {
        (one, other)
        for one, other in pairwise(texts)
        if isinstance(one, str) and isinstance(other, str) and _is_bare(one[-1:]) and _is_bare(other[:1])
    }
    return [prompt for prompt in prompts if any(one + other in prompt for one, other in joints)]


def _literal(token: tokenize.TokenInfo) -> object:
    """Return the value of a string; None for other tokens, and for an f-string, whose value is not known."""
    is_plain = (
        token.type == tokenize.STRING and "f" not in token.string.lower().partition(token.string[-1])[0]
    )
    return ast.literal_eval(token.string) if is_plain else None


def _is_bare(character: str) -> bool:
    return bool(character) and not character.isspace()
