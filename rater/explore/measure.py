"""Measure and sample one run: effects on tokens, norms, next tokens, comparisons, figures."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.explore.settings import MAX_TOKENS, RunSettings
from rater.report.figures.fonts import plan_fonts
from rater.report.figures.style import Sketch, clean, drawing, render
from rater.report.figures.tokens import NextToken, sketch_next_tokens, sketch_token_positions
from rater.steering.bridge import tokenize
from rater.steering.completions import ArmCompletion, generate
from rater.steering.effects import NextTokenEffect, PositionNorm, next_token_effect, position_norms
from rater.steering.tokens import TokenEffect, token_effects

_N_IN_FIGURE = 30
_N_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """One token of the text: the effect on the token after it, and the norms at it."""

    effect: TokenEffect
    norm: PositionNorm

    @property
    def kl_per_entropy(self) -> float | None:
        """The KL divergence, divided by the entropy of the unsteered distribution; None where that is 0."""
        entropy = self.effect.entropy_unsteered
        return self.effect.kl / entropy if entropy else None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure that a page shows without a further request."""

    title: str
    alt: str
    address: str
    """A data address of an SVG."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Everything that a run shows."""

    settings: RunSettings
    tokens: tuple[TokenRow, ...]
    """The tokens of the text, BOS first."""
    next_token: NextTokenEffect
    """The effect on the token after the text, with the tokens that have the largest parts of the KL."""
    comparisons: tuple[tuple[ArmCompletion, ArmCompletion], ...]
    """Unsteered and steered completions with the same random numbers."""
    pictures: tuple[Picture, ...]


def run(model: TransformerBridge, settings: RunSettings) -> RunResult:
    """Measure an addition on a text, and sample three completions with and without it.

    Costs nine forward passes, the decoding, and half a second for two figures.

    Raises:
        ModelError: text, addition and model do not fit each other, or the text has too many tokens.
    """
    n_tokens = len(tokenize(model, settings.text))
    if n_tokens > MAX_TOKENS:
        msg = f"The text has {n_tokens} tokens; valid: at most {MAX_TOKENS} on this page."
        raise ModelError(msg)
    additions = [settings.addition]
    effects = token_effects(model, settings.text, additions)
    norms = position_norms(model, settings.text, additions)
    by_change = next_token_effect(model, settings.text, additions, n_changes=_N_IN_FIGURE)
    by_kl = next_token_effect(model, settings.text, additions, n_changes=_N_LISTED, by="kl")
    arms = {"unsteered": (), "steered": additions}
    made = generate(model, settings.text, arms, settings.sampling)
    n = settings.sampling.samples_per_prompt
    return RunResult(
        settings=settings,
        tokens=tuple(TokenRow(effect=each, norm=norm) for each, norm in zip(effects, norms, strict=True)),
        next_token=by_kl,
        comparisons=tuple(zip(made[:n], made[n:], strict=True)),
        pictures=_draw(settings.text, effects, by_change),
    )


def _draw(text: str, effects: Sequence[TokenEffect], next_token: NextTokenEffect) -> tuple[Picture, ...]:
    changes = [NextToken(each.token, each.unsteered, each.steered) for each in next_token.top_changes]
    tokens = [each.token for each in effects]
    lines = {
        "KL divergence": [each.kl for each in effects],
        "entropy without steering": [each.entropy_unsteered for each in effects],
        "entropy with steering": [each.entropy_steered for each in effects],
    }
    touched = [each.position for each in effects if each.is_touched]
    fonts = plan_fonts({}, [clean(each) for each in (text, *tokens, *(change.token for change in changes))])
    with drawing(fonts):
        return (
            _picture(sketch_token_positions(tokens, lines, "nats", touched=touched)),
            _picture(sketch_next_tokens(changes, text)),
        )


def _picture(sketch: Sketch) -> Picture:
    svg = base64.b64encode(render(sketch, None).svg.encode()).decode("ascii")
    return Picture(title=sketch.title, alt=sketch.alt, address=f"data:image/svg+xml;base64,{svg}")
