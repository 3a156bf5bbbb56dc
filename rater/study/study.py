"""Put a study together: protocol, prompts, model, sampling, arms and plans, frozen by one hash."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from rater.errors import nearest
from rater.study.analysis_plan import AnalysisPlan
from rater.study.arms import Arm, Steered, Unsteered
from rater.study.plan import Plan
from rater.study.protocol import InOrder, Name, Protocol, require_different
from rater.study.sampling import Sampling

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Study(Protocol):
    """One experiment, declared in one file; its hash is what is preregistered."""

    name: Name
    """What the command line calls the study. (experimenter)"""
    model: Annotated[str, StringConstraints(min_length=1, max_length=500)] = "smollm2-135m-instruct"
    """The embedded model's name, a local folder, or a hub name. (experimenter)"""
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1), InOrder]
    """What the model is asked to continue. (rater)"""
    sampling: Sampling = Sampling()
    """How completions are drawn. (experimenter)"""
    arms: Annotated[tuple[Arm, ...], Field(min_length=2), InOrder]
    """What is done to the model; raters never learn which. (sealed)"""
    plan: Plan = Plan()
    """Who rates how much. (experimenter)"""
    analysis: AnalysisPlan = AnalysisPlan()
    """What will be tested. (sealed)"""

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
    def _analysis_names_what_exists(self) -> Self:
        for name in self.contrast:
            if name not in self.arm_names:
                msg = f"analysis.contrast names the arm {name!r}, which the study lacks." + nearest(
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
        n_arms, n_items = len(self.arms), self.items_per_rater
        most = n_arms * len(self.prompts) * self.sampling.samples_per_prompt
        if n_items % n_arms or n_items > most:
            nearby = min(n_items // n_arms * n_arms, most) or n_arms
            msg = (
                f"plan.items_per_rater is {n_items}, but a rater sees each of the {n_arms} arms equally "
                f"often and no text twice; valid: a multiple of {n_arms} up to {most}, such as {nearby}"
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
        steered = [arm.name for arm in self.arms if isinstance(arm, Steered)]
        unsteered = [arm.name for arm in self.arms if isinstance(arm, Unsteered)]
        second = (unsteered or steered)[0]
        first = next(name for name in [*steered, *unsteered] if name != second)
        return first, second

    @property
    def primary(self) -> str:
        """The name of the primary dimension."""
        return self.analysis.primary or self.dimensions[0].name

    @property
    def items_per_rater(self) -> int:
        """How many texts each rater sees."""
        return self.plan.items_per_rater or len(self.arms) * len(self.prompts)

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
