import importlib
import subprocess
import sys

import pytest

import rater
from rater.study.declaration import Declaration


def test_importing_the_package_loads_none_of_what_it_exports() -> None:
    check = "import rater, sys; print([m for m in sys.modules if m.startswith(('rater.', 'pydantic'))])"

    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout

    assert loaded == "[]\n"


@pytest.mark.parametrize("name", [name for name in rater.__all__ if not name.startswith("__")])
def test_each_exported_name_is_the_one_of_its_home(name: str) -> None:
    found = getattr(rater, name)

    assert getattr(importlib.import_module(found.__module__), name) is found


def test_an_unknown_name_is_missed_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="No rater attribute Studdy"):
        _ = rater.Studdy  # type: ignore[attr-defined] # it does not exist


def test_whatever_a_study_file_can_declare_is_exported() -> None:
    assert rater.Study is not None  # which loads all that a study is made of
    declared = {
        each.__name__ for each in _descendants(Declaration) if each.__module__.startswith("rater.study.")
    }

    assert declared - set(rater.__all__) == {
        "Protocol",
        "StudyScale",
        "_AuthoredTrial",
        "_Measured",
        "_OrderedTexts",
    }  # base classes


def _descendants(declared: type) -> set[type]:
    direct: set[type] = set(declared.__subclasses__())
    return direct.union(*(_descendants(each) for each in direct))
