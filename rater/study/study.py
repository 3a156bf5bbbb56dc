"""Put a study together: protocol, prompts, model, sampling, arms and plans, frozen by one hash."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from rater.errors import nearest
from rater.study.analysis_plan import AnalysisPlan
from rater.study.arms import Arm, Prompted, Sampling, Steered, Unsteered
from rater.study.confounds import TextCue
from rater.study.declaration import InOrder, Name, Text, require_different
from rater.study.design import Design, Plan, set_size
from rater.study.practice_and_checks import AttentionCheck
from rater.study.protocol import Protocol, require_answers, require_asked

DEFAULT_RATERS = 12


class Study(Protocol):
    """One experiment, declared in one file; its hash is what is preregistered."""

    name: Name
    """What the command line calls the study. (experimenter)"""
    model: Annotated[str, StringConstraints(min_length=1, max_length=500)] = "smollm2-135m-instruct"
    """The embedded model's name, a local folder, or a hub name. (experimenter)"""
    chat: bool = False
    """Whether prompts go through the model's chat template, as what a user says. (experimenter)"""
    prompts: Annotated[tuple[Text, ...], Field(min_length=1), InOrder]
    """What the model is asked to continue. (rater)"""
    sampling: Sampling = Sampling()
    """How completions are drawn. (experimenter)"""
    arms: Annotated[tuple[Arm, ...], Field(min_length=2), InOrder]
    """What is done to the model; raters never learn which. (sealed)"""
    plan: Plan = Plan()
    """Who rates how much. (experimenter)"""
    analysis: AnalysisPlan = AnalysisPlan()
    """What will be tested. (sealed)"""
    cut_unfinished_sentence: bool = False
    """Whether texts that do not end a sentence are cut after the last one that they end, in every arm alike.
    (experimenter)"""
    guessed_arms: Annotated[tuple[Name, ...], InOrder] | None = None
    """The arms that the first answer to the blinding question means; by default all but unsteered ones.
    (sealed)"""

    confounds: Annotated[tuple[TextCue, ...], InOrder, Field(exclude_if=lambda cues: not cues)] = ()
    """Properties of texts, other than their meaning, in which the arms are known to differ, by their names in
    the audit, such as "length in characters". (experimenter)"""

    allow_identical_arms: Annotated[bool, Field(exclude_if=lambda allowed: not allowed)] = False
    """Whether two arms may have the same texts throughout, as in a study of chance alone (A/A); by default
    such a study is not published. (experimenter)"""

    @model_validator(mode="after")
    def _prompts_differ(self) -> Self:
        hint = "for several completions of it, raise sampling.samples_per_prompt"
        require_different("prompts", self.prompts, hint)
        if any(not prompt.strip() for prompt in self.prompts):
            msg = "prompts has one without a visible character; each needs one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        require_different("arms", self.arm_names, "give each its own name")
        return self

    @model_validator(mode="after")
    def _confounds_differ(self) -> Self:
        require_different("confounds", self.confounds, "name each once")
        return self

    @model_validator(mode="after")
    def _system_prompts_have_a_template(self) -> Self:
        for index, arm in enumerate(self.arms):
            if isinstance(arm, Prompted) and arm.system is not None and not self.chat:
                msg = (
                    f"arms[{index}].system is a system prompt, which needs the chat template, but chat is "
                    "False; valid: chat=True, for all arms alike, or prefix instead of system"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _analysis_names_what_exists(self) -> Self:
        named = [("contrast", name) for name in self.contrast]
        for index, each in enumerate(self.analysis.contrasts):
            named += [(f"contrasts[{index}]", each.first), (f"contrasts[{index}]", each.second)]
        for place, name in named:
            if name not in self.arm_names:
                msg = f"analysis.{place} names the arm {name!r}, which the study lacks." + nearest(
                    name, self.arm_names
                )
                raise ValueError(msg)
        if self.contrast[0] == self.contrast[1]:
            msg = f"analysis.contrast compares {self.contrast[0]!r} with itself; name two arms"
            raise ValueError(msg)
        dimensions = [dimension.name for dimension in self.dimensions]
        if self.primary not in dimensions:
            msg = f"analysis.primary is {self.primary!r}, which is no dimension." + nearest(
                self.primary, dimensions
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _booklets_can_be_balanced(self) -> Self:
        if self.plan.raters and self.plan.ratings_per_item and self.plan.raters != self._n_raters_for_ratings:
            msg = (
                f"plan.raters is {self.plan.raters}, but {self.plan.ratings_per_item} ratings of each text "
                f"by raters who see {self.items_per_rater} each take {self._n_raters_for_ratings}; "
                "give one of the two"
            )
            raise ValueError(msg)
        if self.plan.asking == "one_per_rater" and self.n_raters < len(self.dimensions):
            msg = (
                f"plan.raters is {self.n_raters}, but each rater is asked one of {len(self.dimensions)} "
                f"dimensions; valid: at least {len(self.dimensions)}"
            )
            raise ValueError(msg)
        _ = self.design
        return self

    @model_validator(mode="after")
    def _checks_can_be_answered(self) -> Self:
        for index, check in enumerate(self.plan.checks):
            place = f"plan.checks[{index}]"
            if isinstance(check, AttentionCheck):
                require_asked(place, check, check.passing, self)
            else:
                self._require_one_text(place)
                require_answers(place, check.passing, self)
            asked_alone = self.plan.asking != "together"
            unsaid = [each.name for each in self.dimensions if each.name not in check.passing]
            if asked_alone and unsaid:
                msg = (
                    f"{place} says nothing of {unsaid[0]!r}, but where dimensions are not asked together a "
                    "check may be asked on any of them; give the accepted answers of each"
                )
                raise ValueError(msg)
        return self

    def _require_one_text(self, place: str) -> None:
        if self.is_pairwise:
            msg = (
                f"{place} shuffles one text, but a trial of this study shows two; write an AttentionCheck(…)"
            )
            raise ValueError(msg)

    @model_validator(mode="after")
    def _guesses_mean_arms(self) -> Self:
        for name in self.guessed_arms or ():
            if name not in self.arm_names:
                msg = f"guessed_arms names the arm {name!r}, which the study lacks." + nearest(
                    name, self.arm_names
                )
                raise ValueError(msg)
        if self.blinding is not None and set(self.changed_arms) in (set(), set(self.arm_names)):
            msg = (
                f"the blinding question's first answer, {self.blinding.labels[0]!r}, would be true of "
                f"{'every' if self.changed_arms else 'no'} text, so that no guess could be wrong; say which "
                f"arms it means, such as guessed_arms=[{self.contrast[0]!r}], or leave the question out"
            )
            raise ValueError(msg)
        return self

    @property
    def arm_names(self) -> list[str]:
        """The names of the arms, in the study's order."""
        return [arm.name for arm in self.arms]

    @property
    def contrast(self) -> tuple[str, str]:
        """The two arms of the primary contrast, first minus second."""
        if self.analysis.contrast is not None:
            return self.analysis.contrast
        unsteered = [arm.name for arm in self.arms if isinstance(arm, Unsteered)]
        changed = [arm.name for arm in self.arms if not isinstance(arm, Steered | Unsteered)]
        changed = [arm.name for arm in self.arms if isinstance(arm, Steered)] + changed
        second = (unsteered or changed)[0]
        first = next(name for name in [*changed, *unsteered] if name != second)
        return first, second

    @property
    def control(self) -> str:
        """The arm that every other arm is compared with by default: the unsteered one, where there is one.

        Without an unsteered arm it is the second arm of the primary contrast.
        """
        unsteered = [arm.name for arm in self.arms if isinstance(arm, Unsteered)]
        in_contrast = [name for name in reversed(self.contrast) if name in unsteered]
        return [*in_contrast, *unsteered, self.contrast[1]][0]

    @property
    def primary(self) -> str:
        """The name of the primary dimension."""
        return self.analysis.primary or self.dimensions[0].name

    @property
    def changed_arms(self) -> tuple[str, ...]:
        """The arms that the first answer to the blinding question means."""
        if self.guessed_arms is not None:
            return self.guessed_arms
        return tuple(arm.name for arm in self.arms if not isinstance(arm, Unsteered))

    @property
    def items_per_rater(self) -> int:
        """How many trials each rater sees, without repeats and checks."""
        return self.plan.items_per_rater or self._default_items_per_rater

    @property
    def _default_items_per_rater(self) -> int:
        n_blocks = len(self.dimensions) if self.plan.asking == "blocks" else 1
        sets = max(n_blocks, len(self.prompts) // n_blocks * n_blocks)
        return set_size(len(self.arms), is_pairwise=self.is_pairwise) * sets

    @property
    def n_raters(self) -> int:
        """How many raters are planned: one for each booklet."""
        if self.plan.ratings_per_item is not None:
            return self._n_raters_for_ratings
        return self.plan.raters or DEFAULT_RATERS

    @property
    def _n_raters_for_ratings(self) -> int:
        shown = self.items_per_rater * (2 if self.is_pairwise else 1)
        return -(-(self.plan.ratings_per_item or 1) * self.n_completions // shown)

    @property
    def design(self) -> Design:
        """The counts that booklets are dealt from."""
        return Design(
            n_raters=self.n_raters,
            items_per_rater=self.items_per_rater,
            n_prompts=len(self.prompts),
            n_arms=len(self.arms),
            n_samples=self.sampling.samples_per_prompt,
            is_pairwise=self.is_pairwise,
            n_dimensions=len(self.dimensions),
            asking=self.plan.asking,
            n_repeats=self.plan.repeats,
            n_checks=len(self.plan.checks),
        )

    @property
    def n_completions(self) -> int:
        """How many completions are generated, over all arms."""
        return len(self.arms) * len(self.prompts) * self.sampling.samples_per_prompt

    @property
    def protocol(self) -> Protocol:
        """What raters are shown, without anything an arm could be read from."""
        return Protocol(**{name: getattr(self, name) for name in Protocol.model_fields})

    def canonical_json(self) -> str:
        """Serialise the study so that equal studies give equal bytes: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )

    @property
    def hash(self) -> str:
        """The SHA-256 of the canonical JSON, in hexadecimal: what is preregistered."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def changes_from(self, canonical_json: str) -> list[str]:
        """Name the fields that differ from an earlier canonical JSON, as paths like ``arms[1].name``."""
        return _differing_paths(json.loads(canonical_json), self.model_dump(mode="json"))


def _differing_paths(old: Any, new: Any, path: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        nested = [_differing_paths(old.get(key), new.get(key), f"{path}.{key}".lstrip(".")) for key in keys]
        return [found for paths in nested for found in paths]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        nested = [_differing_paths(before, after, f"{path}[{index}]") for index, (before, after) in pairs]
        return [found for paths in nested for found in paths]
    return [] if old == new else [path]
