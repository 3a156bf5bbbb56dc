"""Values and parts of pages that are the same for many requests, computed once in each process.

A protocol is one object as long as its text in the database is the same
(`rater.store.rating.studies.published_of`), so what follows from it alone is kept for that object. A template
keeps the result of a macro with ``{{ cached(macro, argument, …) }}``. Both are bounded, and forget what was
used least recently.

What is kept holds nothing about one rater: it is found by everything that it was made of.
"""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TypeVar, TypeVarTuple, cast

from flask import Flask
from jinja2.runtime import Macro
from markupsafe import Markup

Owner = TypeVar("Owner")
Value = TypeVar("Value")
Args = TypeVarTuple("Args")

_MAX_VALUES = 256
# a part has some 1 to 3 KB
_MAX_PARTS = 1_000


class Same:
    """A key that equals another of the same object only: comparing or hashing protocols takes much longer."""

    __slots__ = ("of",)

    def __init__(self, of: object) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


def kept_for(function: Callable[[Owner, *Args], Value]) -> Callable[[Owner, *Args], Value]:
    """Keep a function's values by the identity of its first argument and by the other arguments.

    The first argument must be immutable. It lives as long as a value is kept for it, so that no other object
    can take its identity.
    """

    @lru_cache(maxsize=_MAX_VALUES)
    def kept(owner: Same, *args: *Args) -> Value:
        return function(cast("Owner", owner.of), *args)

    def call(owner: Owner, *args: *Args) -> Value:
        return kept(Same(owner), *args)

    return call


def init_app(app: Flask, surroundings: Callable[[], Hashable]) -> None:
    """Let the app's templates keep the results of macros.

    Args:
        app: The app.
        surroundings: Return everything about a request that macros depend on in addition to their arguments.
    """

    @lru_cache(maxsize=_MAX_PARTS)
    def keep(macro: Macro, _surroundings: Hashable, *args: Hashable) -> Markup:
        return Markup(macro(*args))  # noqa: S704 (a macro escapes its arguments)

    def cached(macro: Macro, *args: Hashable) -> Markup:
        return keep(macro, surroundings(), *args)

    app.jinja_env.globals["cached"] = cached
