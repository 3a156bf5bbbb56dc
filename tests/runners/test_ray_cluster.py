"""Runs on real clusters of this machine; each takes ten seconds or more to start."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rater.errors import ModelError, RaterError
from rater.runners.ray_cluster import ClusterOptions, RayCluster
from tests.runners.clusters import two_nodes
from tests.runners.jobs import Square, die, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    # Ray leaves sockets and processes to the end of the interpreter
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray")
    with two_nodes() as cluster:
        yield cluster


@pytest.mark.slow
def test_tasks_of_a_node_that_is_killed_run_on_the_other_one(cluster: Any, tmp_path: Path) -> None:
    notes: list[str] = []
    results: dict[int, int] = {}

    with RayCluster(ClusterOptions(address=cluster.address), note=notes.append) as runner:
        assert runner.n_workers == 2
        for number, result in runner.run(Square(tmp_path / "made", seconds=0.2), range(30)):
            assert number not in results
            results[number] = result
            if len(results) == 8:
                cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    assert results == {number: number * number for number in range(30)}
    assert len(set((tmp_path / "made").read_text().splitlines())) == 2
    assert any("was lost" in note for note in notes)


@pytest.mark.slow
def test_errors_on_a_cluster_are_ours(cluster: Any) -> None:
    with RayCluster(ClusterOptions(address=cluster.address, n_workers=1)) as runner:
        assert runner.n_workers == 1
        with pytest.raises(ModelError, match="number is 4"):
            list(runner.run(refuse, [4]))
        with pytest.raises(RaterError, match="lost its worker 3 times"):
            list(runner.run(die, [1]))
        assert list(runner.run(int_of, ["7"])) == [(0, 7)]
    with (
        pytest.raises(RaterError, match=r"no node with 64 CPUs .* Valid: --cpus-per-worker from 1 to 1\."),
        RayCluster(ClusterOptions(address=cluster.address, cpus_per_worker=64)),
    ):
        pass


def int_of() -> "Callable[[str], int]":
    return int


@pytest.mark.slow
def test_without_an_address_a_cluster_of_this_machine_is_started(tmp_path: Path) -> None:
    pytest.importorskip("ray")

    with RayCluster(ClusterOptions(n_workers=1)) as runner:
        assert dict(runner.run(Square(tmp_path / "made"), [2, 3])) == {0: 4, 1: 9}


@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "refused"), ("nowhere", "not a host and a port"), ("ray://h:99999", "not a host")],
)
def test_an_address_without_a_cluster_is_named(address: str, reason: str) -> None:
    pytest.importorskip("ray")

    with (
        pytest.raises(RaterError, match=f"No Ray cluster can be reached at '{address}' .*{reason}"),
        RayCluster(ClusterOptions(address=address)),
    ):
        pass


def test_the_extra_is_named_where_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("rater.runners.ray_cluster.find_spec", lambda _name: None)

    with pytest.raises(RaterError, match=r"pip install 'rater\[ray\]'"), RayCluster(ClusterOptions()):
        pass
