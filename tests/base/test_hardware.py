from pathlib import Path

import pytest

from ofa_tf.base.cpu_model import read_cpu_model
from ofa_tf.base.hardware import describe_hardware, find_unused_gpu


def test_what_is_computed_on_is_said_with_threads_and_precision() -> None:
    on_cpu = describe_hardware([], intra_op_threads=3, precision="float32")
    assert on_cpu.startswith(f"computing on the CPU ({read_cpu_model()}; ")
    assert on_cpu.endswith("threads of an operation: 3), in float32")
    on_gpus = describe_hardware(["H100", "H200"], intra_op_threads=0, precision="bfloat16 and float32")
    assert on_gpus == "computing on GPU 0 (H100), GPU 1 (H200), in bfloat16 and float32"


@pytest.fixture
def driver_folder(tmp_path: Path) -> Path:
    """A driver with one GPU."""
    folder = tmp_path / "gpus"
    (folder / "0000:01:00.0").mkdir(parents=True)
    return folder


def test_a_gpu_that_is_not_used_is_a_warning_with_the_command_that_mends_it(driver_folder: Path) -> None:
    warning = find_unused_gpu(0, {}, driver_folder)
    assert warning is not None
    assert "an NVIDIA GPU that TensorFlow does not use" in warning
    assert warning.endswith("pip install -c constraints.txt -e .[cuda]")


def test_there_is_no_warning_if_a_gpu_is_used_or_none_is_there_or_none_is_wanted(
    driver_folder: Path, tmp_path: Path
) -> None:
    assert find_unused_gpu(1, {}, driver_folder) is None
    assert find_unused_gpu(0, {}, tmp_path / "absent") is None
    assert find_unused_gpu(0, {"CUDA_VISIBLE_DEVICES": ""}, driver_folder) is None
    assert find_unused_gpu(0, {"CUDA_VISIBLE_DEVICES": "-1"}, driver_folder) is None
    assert find_unused_gpu(0, {"CUDA_VISIBLE_DEVICES": "0"}, driver_folder) is not None


def test_replicas_and_workers_are_said_where_there_are_several() -> None:
    on_one_computer = describe_hardware(["H100", "H100"], intra_op_threads=0, precision="float32", num_replicas=2)
    assert on_one_computer.endswith("in float32; 2 replicas share a batch")
    on_two = describe_hardware(["H100", "H100"], intra_op_threads=0, precision="float32", num_replicas=4, num_workers=2)
    assert on_two.endswith("in float32; 4 replicas share a batch, on 2 workers like this one")
