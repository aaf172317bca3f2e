"""What a phone computes is compared with what this computer computes, through the real adb."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel
from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.devices.output_check import check_can_give_outputs, compare_outputs
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import USES_ADB, phone_device
from tests.support.benchmark_model import install_benchmark_model
from tests.support.spaces import MICRO

pytestmark = USES_ADB


@pytest.fixture(scope="module")
def networks() -> dict[str, bytes]:
    """A subnet in two precisions."""
    keras.utils.set_random_seed(0)
    arch = MICRO.largest()
    subnet = build_subnet(MICRO, arch, 10)
    images = np.random.default_rng(0).standard_normal((16, arch.image_size, arch.image_size, 3), dtype=np.float32)
    return {
        "none": to_tflite(subnet),
        "dynamic": to_tflite(subnet, "dynamic"),
        "int8": to_tflite(subnet, "int8", [images]),
        "int16x8": to_tflite(subnet, "int16x8", [images]),
    }


@pytest.mark.parametrize(
    ("quantization", "allowed"), [("none", 1e-4), ("dynamic", 5e-2), ("int8", 0.2), ("int16x8", 0.2)]
)
def test_a_phone_that_computes_the_same_passes(
    networks: dict[str, bytes], quantization: str, allowed: float, daemon: AdbDaemon, binary: Path
) -> None:
    check = compare_outputs(phone_device(daemon, binary), BenchmarkModel("model", networks[quantization]))
    assert check.is_passed
    assert check.num_inputs == 4
    assert check.agreement == 1
    assert check.allowed_error == allowed
    assert daemon.files() == []
    # One run for each input, without a warm-up, of the model that was pushed once.
    calls = [command for command in daemon.commands if "--graph=" in command]
    assert len(calls) == 4
    assert all("--num_runs=1 --min_secs=0 --warmup_runs=0" in call for call in calls)
    assert sum(path.endswith(".tflite") for path in daemon.pushes) == 1


def test_each_output_is_that_of_its_input(networks: dict[str, bytes], daemon: AdbDaemon, binary: Path) -> None:
    size = MICRO.largest().image_size
    images = np.random.default_rng(1).standard_normal((3, 1, size, size, 3), dtype=np.float32)
    outputs = phone_device(daemon, binary).outputs(BenchmarkModel("model", networks["none"]), list(images))
    logits = [np.frombuffer(output, np.float32) for output in outputs]
    assert all(len(row) == 10 for row in logits)
    assert not np.allclose(logits[0], logits[1], rtol=1e-3)


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_phone_that_computes_something_else_is_told(
    networks: dict[str, bytes], quantization: str, daemon: AdbDaemon, tmp_path: Path
) -> None:
    binary = install_benchmark_model(tmp_path / "broken", spoils=True)
    check = compare_outputs(phone_device(daemon, binary), BenchmarkModel("model", networks[quantization]))
    assert not check.is_passed
    assert check.largest_error > 2 * check.allowed_error
    assert f"of the largest (at most {check.allowed_error:.0e}), the same first class for" in check.in_words()


def test_the_other_delegate_is_compared_with_kernels_of_its_own(
    networks: dict[str, bytes], daemon: AdbDaemon, binary: Path
) -> None:
    check = compare_outputs(phone_device(daemon, binary, delegate="none"), BenchmarkModel("model", networks["int8"]))
    assert check.largest_error == 0


def test_a_build_that_gives_no_outputs_is_told(networks: dict[str, bytes], daemon: AdbDaemon, tmp_path: Path) -> None:
    binary = install_benchmark_model(tmp_path / "older", lacks=["output_filepath"])
    with pytest.raises(InputError, match=r"Expected benchmark_model to know --output_filepath\. Received: "):
        compare_outputs(phone_device(daemon, binary), BenchmarkModel("model", networks["none"]))


def test_a_gpu_that_falls_back_is_told(networks: dict[str, bytes], daemon: AdbDaemon, binary: Path) -> None:
    device = phone_device(daemon, binary, delegate="gpu")
    with pytest.raises(InputError, match=r"Expected the gpu delegate to run the model\. Received: "):
        compare_outputs(device, BenchmarkModel("model", networks["none"]))


def test_this_computer_is_not_compared_with_itself() -> None:
    with pytest.raises(InputError, match=r"Expected --check with a phone \(--device=adb\).*Received: --device=host"):
        check_can_give_outputs(HostDevice())
