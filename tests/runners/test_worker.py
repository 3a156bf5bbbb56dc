from functools import partial
from pathlib import Path

import pytest

from rater.errors import ModelError, RaterError
from rater.runners.worker import Done, Worker, pack, result_of
from tests.runners.jobs import Square, fail, refuse


def test_a_worker_is_made_once_for_a_job_and_again_for_another_one(tmp_path: Path) -> None:
    worker, one, other = Worker(), pack(Square(tmp_path / "one")), pack(Square(tmp_path / "other"))

    outcomes = [worker.run(one, 2), worker.run(one, 3), worker.run(other, 4), worker.run(one, 5)]

    assert outcomes == [Done(4), Done(9), Done(16), Done(25)]
    assert len((tmp_path / "one").read_text().splitlines()) == 2
    assert len((tmp_path / "other").read_text().splitlines()) == 1


def test_a_mistake_in_the_input_has_its_own_class_for_the_caller() -> None:
    with pytest.raises(ModelError, match="number is 3; valid: none"):
        result_of(Worker().run(pack(refuse), 3))


def test_a_bug_keeps_the_traceback_of_the_worker() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)A worker failed.*jobs\.py.*ZeroDivisionError"):
        result_of(Worker().run(pack(fail), 3))


def test_a_function_of_the_users_travels_with_its_job() -> None:
    namespace: dict[str, object] = {"__name__": "users_file"}
    exec("def length(text):\n    return len(text)\n", namespace)  # noqa: S102 (a module that no worker can import)

    def job(function: object) -> object:
        return function

    assert Worker().run(pack(partial(job, namespace["length"])), "four") == Done(4)  # type: ignore[arg-type] # of any job


def test_what_a_worker_cannot_import_is_named() -> None:
    packed = pack(refuse).replace(b"tests.runners.jobs", b"tests.runners.jobz")

    with pytest.raises(RaterError, match=r"A worker cannot import .*tests\.runners\.jobz"):
        result_of(Worker().run(packed, 1))
