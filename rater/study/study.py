"""The study: protocol, prompts, model, sampling, arms and plans, frozen by one hash."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from rater.errors import nearest
from rater.study import plan_checks
from rater.study.analysis_plan import AnalysisPlan, PlannedTest
from rater.study.arms import Arm, ConceptSteered, Sampling, Steered, Unsteered
from rater.study.canonical import canonical_json, differing_paths
from rater.study.composite import CompositeScore, make_composites
from rater.study.concepts import CONCEPT, Concept, ConcreteArm, arm_for, crossed_items, require_concepts
from rater.study.confounds import TextCue
from rater.study.conversation import RatedPart, with_prompt
from rater.study.conversation_checks import require_conversations, require_system_prompts
from rater.study.declaration import InOrder, Name, Text, require_different
from rater.study.design import Design, Plan, set_size
from rater.study.dimension import Dimension
from rater.study.field_checks import fixed_texts, require_templates
from rater.study.fields import PROMPT, REFERENCE, Item, require_same_fields
from rater.study.practice_and_checks import AttentionCheck
from rater.study.protocol import Protocol, require_answers, require_asked
from rater.study.reference import require_reference, with_reference
from rater.study.targets import name_options, require_targets

DEFAULT_RATERS = 12


class Study(Protocol):
    """A study, declared in one file; its hash is preregistered."""

    name: Name
    """Name of the study on the command line. (experimenter)"""
    model: Annotated[str, StringConstraints(min_length=1, max_length=500)] = "smollm2-135m-instruct"
    """Name of the embedded model, a local folder, or a model name on the Hugging Face hub. (experimenter)"""
    chat: bool = False
    """Apply the chat template of the model, with the prompt as the user message. (experimenter)"""
    prompts: Annotated[tuple[Text, ...], Field(min_length=1), InOrder] = ()
    """Prompts that the model continues; with `items`, those of the items. (rater)"""
    items: Annotated[tuple[Item, ...], InOrder] = ()
    """Prompts with fields, instead of `prompts`. (rater)"""
    concepts: Annotated[tuple[Concept, ...], InOrder] = ()
    """Concepts that the arms are repeated over: each with each of `prompts`, or as the field `concept` of
    `items` names them. (sealed)"""
    sampling: Sampling = Sampling()
    """Sampling parameters. (experimenter)"""
    arms: Annotated[tuple[Arm, ...], Field(min_length=2), InOrder]
    """Arms that are compared; raters are blind to them. (sealed)"""
    plan: Plan = Plan()
    """Number of raters and length of booklets. (experimenter)"""
    analysis: AnalysisPlan = AnalysisPlan()
    """Analysis plan. (sealed)"""
    cut_unfinished_sentence: bool = False
    """Cut texts after their last complete sentence, in every arm. (experimenter)"""
    guessed_arms: Annotated[tuple[Name, ...], InOrder] | None = None
    """Arms for which the first answer to the blinding question is correct; by default all except unsteered
    ones. (sealed)"""

    reference_arm: Name | None = None
    """Arm that writes the field `reference` of each item: one more text of the same prompt, which raters see
    with the texts of all arms and nobody rates. (sealed)"""
    confounds: Annotated[tuple[TextCue, ...], InOrder] = ()
    """Known confounds: properties of texts, other than their meaning, in which the arms differ, by their
    names in the audit, such as "length in characters". (experimenter)"""

    allow_identical_arms: bool = False
    """Allow two arms with identical texts, as in an A/A study; by default such a study cannot be published.
    (experimenter)"""

    @model_validator(mode="before")
    @classmethod
    def _items_have_prompts(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        crossed = crossed_items(given)
        if crossed:
            given = {**given, "items": crossed, "prompts": [item.prompt for item in crossed]}
        given = name_options(given)
        if "prompts" in given or not given.get("items"):
            return given
        items = given["items"] if isinstance(given["items"], list | tuple) else ()
        # an invalid item is refused in its own place
        prompts = [
            with_prompt(item).get("prompt", "?") if isinstance(item, dict) else getattr(item, "prompt", "?")
            for item in items
        ]
        return {**given, "prompts": prompts or ("?",)}

    @model_validator(mode="after")
    def _prompts_differ(self) -> Self:
        hint = "for several completions of it, raise sampling.samples_per_prompt"
        if not self.prompts:
            msg = "prompts is missing; give prompts, or items"
            raise ValueError(msg)
        if self.items:
            require_same_fields(self.items)
            if self.prompts != tuple(item.prompt for item in self.items):
                msg = "prompts differs from the prompts of items; leave prompts out"
                raise ValueError(msg)
            named = [_name_item(item) for item in self.items]
            require_different("items", named, f"{hint}, or give the two different fields")
        else:
            require_different("prompts", self.prompts, hint)
        if any(not prompt.strip() for prompt in self.prompts):
            msg = "prompts has one without visible characters; each needs at least one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        require_different("arms", self.arm_names, "give each its own name")
        return self

    @model_validator(mode="after")
    def _concepts_fit(self) -> Self:
        require_concepts(self.concepts, self.items, self.arms)
        if self.analysis.is_over_concepts and CONCEPT not in self.field_names:
            msg = (
                f"analysis.scope is {self.analysis.scope!r}, but no text has a concept; declare concepts, or "
                f"items with the field {CONCEPT!r}"
            )
            raise ValueError(msg)
        require_targets(self.dimensions, self.rated_items, self.arm_names, self.analysis.targets)
        return self

    @model_validator(mode="after")
    def _templates_name_fields(self) -> Self:
        require_reference(self)
        require_templates(self, with_reference(self), self.plan.checks)
        return self

    @model_validator(mode="after")
    def _confounds_differ(self) -> Self:
        require_different("confounds", self.confounds, "name each once")
        return self

    @model_validator(mode="after")
    def _chats_are_valid(self) -> Self:
        require_system_prompts(self.arms, self.items, chat=self.chat)
        require_conversations(self, self.items, self.plan.checks, chat=self.chat)
        return self

    @model_validator(mode="after")
    def _analysis_plan_fits(self) -> Self:
        plan_checks.require_arms(self)
        plan_checks.require_dimensions(self)
        plan_checks.require_moderators(self)
        plan_checks.require_test(self)
        return self

    @model_validator(mode="after")
    def _booklets_can_be_balanced(self) -> Self:
        if self.plan.raters and self.plan.ratings_per_item and self.plan.raters != self._n_raters_for_ratings:
            msg = (
                f"plan.raters is {self.plan.raters}, but {self.plan.ratings_per_item} ratings of each text "
                f"by raters who see {self.items_per_rater} each need {self._n_raters_for_ratings} "
                "raters; set only one of the two"
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
            elif self.n_texts > 1:
                msg = (
                    f"{place} shuffles one text, but trials of this study show {self.n_texts}; "
                    "use an AttentionCheck(…)"
                )
                raise ValueError(msg)
            else:
                require_answers(place, check.passing, self)
            asked_alone = self.plan.asking != "together"
            missing = [each.name for each in self.dimensions if each.name not in check.passing]
            if asked_alone and missing:
                msg = (
                    f"{place} has no accepted answers for {missing[0]!r}; if dimensions are not asked "
                    "together, a check may be asked on any of them, so give the accepted answers of each"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _checks_can_be_failed(self) -> Self:
        rule, n_checks = self.check_rule, len(self.plan.checks)
        if rule is not None and rule.max_failed >= n_checks:
            msg = (
                f"check_rule.max_failed is {rule.max_failed}, but plan.checks has {n_checks} attention "
                f"check{'s' * (n_checks != 1)}, so nobody can fail; valid: less than that number"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _guesses_mean_arms(self) -> Self:
        for name in self.guessed_arms or ():
            if name not in self.arm_names:
                msg = f"guessed_arms: unknown arm {name!r}." + nearest(name, self.arm_names)
                raise ValueError(msg)
        if self.blinding is not None and set(self.changed_arms) in (set(), set(self.arm_names)):
            msg = (
                f"the blinding question's first answer, {self.blinding.labels[0]!r}, would be correct for "
                f"{'every' if self.changed_arms else 'no'} text; name the arms for which it is correct, such "
                f"as guessed_arms=[{self.contrast[0]!r}], or remove the question"
            )
            raise ValueError(msg)
        return self

    @property
    def rated_items(self) -> tuple[Item, ...]:
        """The prompts with their fields, in the order of the study; without `items`, prompts have none."""
        return self.items or tuple(Item(prompt=prompt) for prompt in self.prompts)

    @property
    def rated_part(self) -> RatedPart | None:
        """The part of conversations that is rated; None if the study has prompts."""
        return self.rated or ("last_turn" if self.rated_items[0].turns else None)

    @property
    def n_replies(self) -> int:
        """The maximum number of turns that are generated for a completion; 1 if only the last turn is."""
        is_whole = self.rated_part == "conversation"
        return max(item.n_replies for item in self.rated_items) if is_whole else 1

    @property
    def distinct_prompts(self) -> tuple[str, ...]:
        """The prompts, each once: items with different fields may have the same one."""
        return tuple(dict.fromkeys(self.prompts))

    @property
    def field_names(self) -> list[str]:
        """The names of the fields of the items, in alphabetical order."""
        return list(self.items[0].fields) if self.items else []

    @property
    def described_dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions as reports show them: a field is its name in braces, a literal brace is single."""
        written = [REFERENCE] if self.reference_arm else []
        names = {name: f"{{{name}}}" for name in (PROMPT, *self.field_names, *written)}
        return tuple(dimension.filled(names) for dimension in self.dimensions)

    def concept_number(self, item: int) -> int:
        """Return the index of the concept of an item; 0 for each item of a study without concepts."""
        words = [concept.words for concept in self.concepts]
        return words.index(self.items[item].fields[CONCEPT]) if words else 0

    @property
    def concrete_arms(self) -> list[tuple[ConcreteArm, ...]]:
        """The arms as they are generated, for each concept; once in a study without concepts."""
        if not self.concepts:
            return [tuple(arm for arm in self.arms if not isinstance(arm, ConceptSteered))]
        numbers = range(len(self.concepts))
        return [tuple(arm_for(arm, self.concepts, number) for arm in self.arms) for number in numbers]

    def prompts_of(self, concept: int) -> tuple[str, ...]:
        """Return the different model inputs of a concept; all of a study without concepts."""
        items = enumerate(self.rated_items)
        inputs = (item.model_input for number, item in items if self.concept_number(number) == concept)
        return tuple(dict.fromkeys(inputs))

    @property
    def arm_names(self) -> list[str]:
        """The names of the arms, in the order of the study."""
        return [arm.name for arm in self.arms]

    @property
    def contrast(self) -> tuple[str, str]:
        """The two arms of the primary contrast, first minus second."""
        if self.analysis.contrast is not None:
            return self.analysis.contrast
        steered = Steered | ConceptSteered
        unsteered = [arm.name for arm in self.arms if isinstance(arm, Unsteered)]
        changed = [arm.name for arm in self.arms if not isinstance(arm, steered | Unsteered)]
        changed = [arm.name for arm in self.arms if isinstance(arm, steered)] + changed
        second = (unsteered or changed)[0]
        first = next(name for name in [*changed, *unsteered] if name != second)
        return first, second

    @property
    def control(self) -> str:
        """The arm that all other arms are compared with by default.

        It is the unsteered arm or, if there is none, the second arm of the primary contrast.
        """
        unsteered = [arm.name for arm in self.arms if isinstance(arm, Unsteered)]
        in_contrast = [name for name in reversed(self.contrast) if name in unsteered]
        return [*in_contrast, *unsteered, self.contrast[1]][0]

    @property
    def primary(self) -> str:
        """The name of the primary dimension."""
        return self.analysis.primary or self.dimensions[0].name

    @property
    def composites(self) -> tuple[CompositeScore, ...]:
        """The composite scores of the analysis plan.

        Raises:
            ValueError: If one does not fit the dimensions; pydantic adds the place.
        """
        return make_composites(self.analysis.composites, self.dimensions)

    @property
    def primary_dimension(self) -> Dimension | CompositeScore:
        """The dimension or composite score of the primary test."""
        every: list[Dimension | CompositeScore] = [*self.described_dimensions, *self.composites]
        return next(each for each in every if each.name == self.primary)

    def simulated_as(self, name: str) -> Dimension:
        """Return the dimension whose answers simulations draw for a dimension or composite score.

        For a composite score it is the first part, since all parts have its scale.
        """
        parts = {each.name: each.scale.of[0] for each in self.composites}
        return next(each for each in self.dimensions if each.name == parts.get(name, name))

    @property
    def planned_test(self) -> PlannedTest:
        """The primary test: as declared, or else a mixed model if a rater sees each prompt in one arm."""
        by_design: PlannedTest = "mixed_model" if self.plan.arms_per_prompt == "one" else "cell_scores"
        return self.analysis.test or by_design

    @property
    def changed_arms(self) -> tuple[str, ...]:
        """The arms for which the first answer to the blinding question is correct."""
        if self.guessed_arms is not None:
            return self.guessed_arms
        return tuple(arm.name for arm in self.arms if not isinstance(arm, Unsteered))

    @property
    def items_per_rater(self) -> int:
        """The number of trials per rater, without repeats and attention checks."""
        return self.plan.items_per_rater or self._default_items_per_rater

    @property
    def _default_items_per_rater(self) -> int:
        n_blocks = len(self.dimensions) if self.plan.asking == "blocks" else 1
        sets = max(n_blocks, len(self.prompts) // n_blocks * n_blocks)
        return sets * set_size(
            len(self.arms),
            self.n_texts,
            arms_per_prompt=self.plan.arms_per_prompt,
            has_odd_text=self.has_odd_text,
        )

    @property
    def n_raters(self) -> int:
        """The number of planned raters, one booklet each."""
        if self.plan.ratings_per_item is not None:
            return self._n_raters_for_ratings
        return self.plan.raters or DEFAULT_RATERS

    @property
    def _n_raters_for_ratings(self) -> int:
        shown = self.items_per_rater * self.n_texts
        n_rated = len(self.arms) * len(self.prompts) * self.sampling.samples_per_prompt
        return -(-(self.plan.ratings_per_item or 1) * n_rated // shown)

    @property
    def design(self) -> Design:
        """The design of the booklets."""
        return Design(
            n_raters=self.n_raters,
            items_per_rater=self.items_per_rater,
            n_prompts=len(self.prompts),
            n_arms=len(self.arms),
            n_samples=self.sampling.samples_per_prompt,
            n_texts=self.n_texts,
            n_dimensions=len(self.dimensions),
            asking=self.plan.asking,
            n_repeats=self.plan.repeats,
            n_checks=len(self.plan.checks),
            arms_per_prompt=self.plan.arms_per_prompt,
            has_odd_text=self.has_odd_text,
        )

    @property
    def n_completions(self) -> int:
        """The number of completions of all arms, with those that are references."""
        return len(self.prompts) * sum(map(self.n_samples_of, self.arm_names))

    def n_samples_of(self, arm: str) -> int:
        """Return the number of completions of an arm for each item: one more for the reference arm."""
        return self.sampling.samples_per_prompt + (arm == self.reference_arm)

    def is_reference(self, arm: str, sample: int) -> bool:
        """Return whether a completion is shown as the reference, and not rated: the last one of its arm."""
        return arm == self.reference_arm and sample == self.sampling.samples_per_prompt

    @property
    def protocol(self) -> Protocol:
        """Everything that raters see, without anything that reveals an arm.

        Fields are filled in where they are the same on every page: in the instructions and in practice.
        """
        declared = {name: getattr(self, name) for name in Protocol.model_fields}
        return Protocol(**declared | fixed_texts(self, self.items) | {"rated": self.rated_part})

    def canonical_json(self) -> str:
        """Return the canonical JSON of the study: sorted keys, no spaces, UTF-8, no field at its default."""
        return canonical_json(self)

    @property
    def hash(self) -> str:
        """The SHA-256 of the canonical JSON in hexadecimal, which is preregistered."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def changes_from(self, earlier: str) -> list[str]:
        """Return the fields that differ from an earlier canonical JSON, as paths such as ``arms[1].name``."""
        try:
            before = Study.model_validate_json(earlier)
        except ValidationError:  # of a version of rater with other fields
            return differing_paths(json.loads(earlier), json.loads(self.canonical_json()))
        return differing_paths(before.model_dump(mode="json"), self.model_dump(mode="json"))


def _name_item(item: Item) -> str:
    fields = ", ".join(f"{name}={value!r}" for name, value in item.fields.items())
    return f"{item.prompt} ({fields})" if fields else item.prompt
