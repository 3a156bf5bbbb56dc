"""Declare what will be tested, before any answer is seen: the analysis plan."""

from typing import Annotated, Literal

from pydantic import Field

from rater.study.protocol import Declaration, Name

Scope = Literal["raters+prompts", "raters", "prompts"]
Score = Literal["net_superiority", "scale_points"]


class AnalysisPlan(Declaration):
    """What will be tested, said before any answer is seen (STATISTICS.md sections 1, 2 and 8)."""

    contrast: tuple[Name, Name] | None = None
    """The two arms compared, first minus second; by default first steered minus first unsteered. (sealed)"""
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
