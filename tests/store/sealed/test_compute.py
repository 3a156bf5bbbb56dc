import pytest

from rater.store.sealed.compute import ComputeUse, sum_by_device

CPU = ComputeUse("cpu", 10.0, 100, 2**30)


def test_runs_are_summed_by_kind_of_device_with_the_largest_peak() -> None:
    runs = [CPU, ComputeUse("cuda:0", 1.5, 50, 2**31), ComputeUse("cuda:1", 2.5, 60, 2**32), CPU]

    assert sum_by_device(runs) == [
        ComputeUse("cpu", 20.0, 200, 2**30, 2),
        ComputeUse("cuda", 4.0, 110, 2**32, 2),
    ]


def test_the_compute_of_a_run_comes_back_from_the_log() -> None:
    assert ComputeUse.of_detail(CPU.as_detail()) == CPU
    with pytest.raises(TypeError):
        ComputeUse.of_detail({"device": "cpu"})
