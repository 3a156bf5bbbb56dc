"""Declare what will be tested, before any answer is seen: the analysis plan."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rater.study.declaration import Declaration, InOrder, Name

Scope = Literal["raters+prompts", "raters", "prompts"]
Score = Literal["net_superiority", "scale_points"]
Spending = Literal["obrien-fleming", "pocock"]
Share = Annotated[float, Field(gt=0, le=1)]


class Contrast(Declaration):
    """A comparison of two arms beside the primary one; those of one family share its alpha (Holm)."""

    first: Name
    """The arm compared, first minus second. (sealed)"""
    second: Name
    """The arm it is compared with. (sealed)"""
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """What the comparison is called; by default "first − second". (sealed)"""
    family: Annotated[str, Field(min_length=1, max_length=80)] = "declared contrasts"
    """Contrasts of one family are adjusted together by Holm's method. (experimenter)"""

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        if self.first == self.second:
            msg = f"compares {self.first!r} with itself; name two arms"
            raise ValueError(msg)
        return self


class Exclusions(Declaration):
    """Which raters are left out, by rules that read no arm; results without any exclusion stand beside."""

    max_failed_checks: Annotated[int, Field(ge=0)] | None = None
    """More attention checks failed than this exclude a rater; by default none do. (experimenter)"""
    min_median_seconds: Annotated[float, Field(gt=0)] | None = None
    """A median time for a trial below this excludes a rater. (experimenter)"""
    max_same_answer_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """One answer (or one side) in more than this share of the primary dimension's excludes. (experimenter)"""
    unfinished: Literal["keep", "exclude"] = "keep"
    """What becomes of the answers of raters who did not come to the end. (experimenter)"""

    @property
    def any_declared(self) -> bool:
        """Whether any rule can exclude somebody."""
        return self != Exclusions()

    def describe(self) -> dict[str, str]:
        """Return the declared rules in words, by field; preregistration and report print these."""
        words = {
            "max_failed_checks": "more than {:g} attention checks failed",
            "min_median_seconds": "a median time per trial below {:g} s, in view or else between answers",
            "max_same_answer_share": "the same answer in more than {:.0%} of trials on the primary dimension",
        }
        values = {name: getattr(self, name) for name in words}
        rules = {name: words[name].format(value) for name, value in values.items() if value is not None}
        return rules if self.unfinished == "keep" else {**rules, "unfinished": "the study not finished"}


class Looks(Declaration):
    """Looks at answers by arm that are planned before the study is over."""

    at: Annotated[tuple[Share, ...], Field(min_length=1), InOrder]
    """The shares of all planned answers at which to look, rising; the last one is 1. (experimenter)"""
    spending: Spending | Literal["none"] = "obrien-fleming"
    """How alpha is spread over them, so that they keep it together: "obrien-fleming" spends hardly any before
    the end, "pocock" much from the start; "none" tests at full alpha each time, and the report says what that
    may cost. (experimenter)"""

    @model_validator(mode="after")
    def _shares_rise_to_the_end(self) -> Self:
        if list(self.at) != sorted(set(self.at)) or self.at[-1] != 1:
            msg = f"at is {list(self.at)}; valid: shares that rise to 1, such as [0.5, 1]"
            raise ValueError(msg)
        return self


class AnalysisPlan(Declaration):
    """What will be tested, said before any answer is seen."""

    contrast: tuple[Name, Name] | None = None
    """The two arms compared, first minus second; by default first steered minus first unsteered. (sealed)"""
    contrasts: Annotated[tuple[Contrast, ...], InOrder] = ()
    """Further comparisons of arms; by default every arm with the control, which is the unsteered arm
    where there is one and else the contrast's second arm, and every arm but the control with each random
    control. (sealed)"""
    primary: Name | None = None
    """The dimension of the primary test; by default the first. (experimenter)"""
    scope: Scope = "raters+prompts"
    """What the claim generalises to. (experimenter)"""
    score: Score = "net_superiority"
    """What the primary test compares: net superiority (−1 to 1) or scale points. (experimenter)"""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """The two-sided significance level; intervals cover 1 − alpha. (experimenter)"""
    sesoi: Annotated[float, Field(gt=0)] | None = None
    """The smallest effect size of interest, in units of the score. (experimenter)"""
    exclusions: Exclusions = Exclusions()
    """Which raters are left out. (experimenter)"""
    looks: Looks | None = None
    """When answers will be looked at by arm before the end; by default never. (experimenter)"""

    @model_validator(mode="after")
    def _sesoi_can_be_reached(self) -> Self:
        if self.sesoi is not None and self.score == "net_superiority" and self.sesoi >= 1:
            msg = (
                f"sesoi is {self.sesoi:g}, but net superiority goes from -1 to 1; valid: less than 1, "
                "or score='scale_points' for a sesoi in points of the scale"
            )
            raise ValueError(msg)
        return self
