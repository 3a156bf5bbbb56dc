import pytest

from rater import errors
from rater.errors import nearest


@pytest.mark.parametrize(
    ("name", "valid", "hint"),
    [
        ("steerd", ["unsteered", "steered"], " Did you mean 'steered'?"),
        ("x", ["unsteered", "steered"], " Valid: steered, unsteered."),
        ("x", [], " Valid: none."),
    ],
)
def test_a_misspelt_name_gets_the_nearest_or_all(name: str, valid: list[str], hint: str) -> None:
    assert nearest(name, valid) == hint


def test_every_error_of_the_tree_is_a_users_and_is_drawn_in_the_docstring() -> None:
    declared = {name for name, value in vars(errors).items() if isinstance(value, type) and "Error" in name}

    assert all(issubclass(getattr(errors, name), errors.RaterError) for name in declared)
    assert {name for name in declared if name in (errors.__doc__ or "")} == declared


def test_an_unknown_argument_is_a_type_error_too() -> None:
    assert issubclass(errors.UnknownArgumentError, errors.ModelError)
    assert issubclass(errors.UnknownArgumentError, TypeError)


def test_who_handles_a_state_handles_closed_and_full_too() -> None:
    assert issubclass(errors.ClosedError, errors.StateError)
    assert issubclass(errors.FullError, errors.StateError)
