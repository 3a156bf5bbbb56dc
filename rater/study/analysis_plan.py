"""The analysis plan: the tests that are specified before data collection."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rater.study.composite import Composite
from rater.study.declaration import Declaration, InOrder, Label, Name

Scope = Literal["raters+prompts", "raters+prompts+concepts", "raters+concepts", "raters", "prompts"]
PlannedScore = Literal["net_superiority", "scale_points"]
PlannedTest = Literal["cell_scores", "mixed_model"]
CoprimaryKind = Literal["non_inferiority", "equivalence"]
Spending = Literal["obrien-fleming", "pocock"]
Share = Annotated[float, Field(gt=0, le=1)]


class Contrast(Declaration):
    """A secondary comparison of two arms; p-values are adjusted within its family (Holm)."""

    first: Name
    """First arm; the difference is first minus second. (sealed)"""
    second: Name
    """Second arm. (sealed)"""
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """Name of the comparison; by default "first − second". (sealed)"""
    family: Annotated[str, Field(min_length=1, max_length=80)] = "declared contrasts"
    """Family of contrasts whose p-values are adjusted together (Holm). (experimenter)"""

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        if self.first == self.second:
            msg = f"compares {self.first!r} with itself; name two different arms"
            raise ValueError(msg)
        return self


class Exclusions(Declaration):
    """Rules that exclude raters, independently of arms. Results without exclusions are reported, too."""

    max_failed_checks: Annotated[int, Field(ge=0)] | None = None
    """Exclude raters who fail more attention checks than this; None for no limit. (experimenter)"""
    min_median_seconds: Annotated[float, Field(gt=0)] | None = None
    """Exclude raters whose median time per trial is lower, in seconds. (experimenter)"""
    max_same_answer_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Exclude raters who give the same answer (or choose the same side) in more than this share of trials on
    the primary dimension: straight-lining. (experimenter)"""
    unfinished: Literal["keep", "exclude"] = "keep"
    """Keep or exclude the answers of raters who did not finish. (experimenter)"""

    @property
    def any_declared(self) -> bool:
        """True if at least one rule is declared."""
        return self != Exclusions()

    def describe(self) -> dict[str, str]:
        """Return the declared criteria in words, by field, for the preregistration and the report."""
        words = {
            "max_failed_checks": "more than {:g} attention checks failed",
            "min_median_seconds": (
                "a median time per trial below {:g} s (time in view, or else between answers)"
            ),
            "max_same_answer_share": (
                "straight-lining: the same answer in more than {:.0%} of trials on the primary dimension"
            ),
        }
        values = {name: getattr(self, name) for name in words}
        rules = {name: words[name].format(value) for name, value in values.items() if value is not None}
        return rules if self.unfinished == "keep" else {**rules, "unfinished": "the booklet was not finished"}


class CoprimaryTest(Declaration):
    """A second primary test: that the first arm is not much worse on another dimension (or not different).

    The plan then has one verdict, by an intersection–union test: both tests must reject, each at level alpha
    (Berger 1982, Technometrics 24:295–300).
    """

    dimension: Name
    """Dimension or composite score of the test; not the primary one. (experimenter)"""
    margin: Annotated[float, Field(gt=0)]
    """Largest difference that is acceptable, in units of the score. (experimenter)"""
    test: CoprimaryKind = "non_inferiority"
    """"non_inferiority": the first arm is worse than the second by less than the margin. "equivalence": it
    differs by less than the margin in either direction. (experimenter)"""
    better: Literal["higher", "lower"] = "higher"
    """Answers that are better: "higher" or "lower". (experimenter)"""
    score: PlannedScore = "scale_points"
    """Score of the test: scale points or net superiority. (experimenter)"""

    @model_validator(mode="after")
    def _margin_can_be_reached(self) -> Self:
        if self.score == "net_superiority" and self.margin >= 1:
            msg = (
                f"margin is {self.margin:g}, but net superiority goes from -1 to 1; valid: less than 1, or "
                "score='scale_points' for a margin in points of the scale"
            )
            raise ValueError(msg)
        return self


class InterimLooks(Declaration):
    """Interim analyses of a group-sequential design."""

    at: Annotated[tuple[Share, ...], Field(min_length=1), InOrder]
    """Increasing information fractions (shares of the planned answers) of the analyses; the last one is 1.
    (experimenter)"""
    spending: Spending | Literal["none"] = "obrien-fleming"
    """Lan–DeMets alpha spending function, which controls the type I error over all analyses: "obrien-fleming"
    spends little before the end, "pocock" more at the start. "none" tests at the full alpha each time, and
    the report states the inflation of the type I error. (experimenter)"""

    @model_validator(mode="after")
    def _shares_rise_to_the_end(self) -> Self:
        if list(self.at) != sorted(set(self.at)) or self.at[-1] != 1:
            msg = f"at is {list(self.at)}; valid: shares that rise to 1, such as [0.5, 1]"
            raise ValueError(msg)
        return self


def require_mixed_model(*, scope: Scope, score: PlannedScore, place: str = "") -> None:
    """Refuse a scope or score that the linear mixed model does not have.

    Raises:
        ValueError: If there is one.
    """
    scopes: tuple[Scope, ...] = ("raters+prompts", "raters+prompts+concepts")
    for name, value, valid, reason in (
        ("scope", scope, scopes, "generalises to all factors"),
        ("score", score, ("scale_points",), "compares scale points"),
    ):
        if value not in valid:
            field, choices = f"{place}{name}", " or ".join(map(repr, valid))
            msg = f"{field} is {value!r}, but the linear mixed model {reason}; set {field} to {choices}"
            raise ValueError(msg)


class AnalysisPlan(Declaration):
    """The tests that are specified before data collection."""

    contrast: tuple[Name, Name] | None = None
    """The two arms of the primary contrast, first minus second; by default the first steered minus the first
    unsteered arm. (sealed)"""
    targets: dict[Name, Label] = Field(default_factory=dict)
    """For a choice among labels, the option that counts as the target, by arm; by default the concept of each
    text. (sealed)"""
    contrasts: Annotated[tuple[Contrast, ...], InOrder] = ()
    """Secondary contrasts. By default every arm is compared with the control, and every arm except the
    control with each random control. The control is the unsteered arm or, if there is none, the second arm of
    the primary contrast. (sealed)"""
    primary: Name | None = None
    """Dimension or composite score of the primary test; by default the first dimension. (experimenter)"""
    composites: Annotated[tuple[Composite, ...], InOrder] = ()
    """Composite scores, each tested as a dimension. (experimenter)"""
    coprimary: CoprimaryTest | None = None
    """Second primary test, on another dimension; the conclusion then needs both. (experimenter)"""
    moderators: Annotated[tuple[Name, ...], InOrder, Field(exclude_if=lambda names: not names)] = ()
    """Questions of the questionnaire by which the primary difference is estimated, with a test of each
    interaction. (experimenter)"""
    scope: Scope = "raters+prompts"
    """Populations that the conclusion generalises to. With "raters+prompts+concepts" or "raters+concepts",
    concepts are a random factor. (experimenter)"""
    score: PlannedScore = "net_superiority"
    """Score of the primary test: net superiority (−1 to 1) or scale points. (experimenter)"""
    test: PlannedTest | None = None
    """Primary test: "cell_scores" compares the arms within rater and prompt, by a t test that fits the scope;
    "mixed_model" is a linear mixed model of all answers, which compares scale points. By default the design
    decides: the mixed model if `plan.arms_per_prompt` is "one", otherwise cell scores. (experimenter)"""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Two-sided significance level; confidence intervals have level 1 − alpha. (experimenter)"""
    sesoi: Annotated[float, Field(gt=0)] | None = None
    """Smallest effect size of interest, in units of the score. (experimenter)"""
    exclusions: Exclusions = Exclusions()
    """Exclusion rules. (experimenter)"""
    interim_looks: InterimLooks | None = None
    """Planned interim analyses; None for a single analysis at the end. (experimenter)"""

    @property
    def is_over_concepts(self) -> bool:
        """True if the conclusion generalises to concepts."""
        return "concepts" in self.scope

    @model_validator(mode="after")
    def _test_fits_scope_and_score(self) -> Self:
        if self.test == "mixed_model":
            require_mixed_model(scope=self.scope, score=self.score)
        return self

    @model_validator(mode="after")
    def _coprimary_test_can_be_made(self) -> Self:
        if self.coprimary is not None and self.test == "mixed_model":
            require_mixed_model(scope=self.scope, score=self.coprimary.score, place="coprimary.")
        return self

    @model_validator(mode="after")
    def _sesoi_can_be_reached(self) -> Self:
        if self.sesoi is not None and self.score == "net_superiority" and self.sesoi >= 1:
            msg = (
                f"sesoi is {self.sesoi:g}, but net superiority goes from -1 to 1; valid: less than 1, "
                "or score='scale_points' for a sesoi in points of the scale"
            )
            raise ValueError(msg)
        return self
