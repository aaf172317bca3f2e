"""Flags say how devices are used, and are refused where they would do nothing."""

from collections.abc import Iterator

import pytest
from absl import flags
from absl.testing import flagsaver

from ofa_tf.base.errors import InputError
from ofa_tf.devices import device_flags
from ofa_tf.devices.device_flags import device_from_flags, devices_from_flags
from ofa_tf.tflite.lowering.targets import CPU, GPU, MCU, NPU, Target


@pytest.fixture(autouse=True)
def _parsed_flags() -> Iterator[None]:
    was_parsed = flags.FLAGS.is_parsed()
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield
    if not was_parsed:
        flags.FLAGS.unparse_flags()


def _give(*arguments: str) -> None:
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        flags.FLAGS[name].parse(value)
        flags.FLAGS[name].present = 1


def test_help_names_all_forms() -> None:
    assert device_flags.DEVICE_HELP == "host, adb (the only phone) or adb:SERIAL."


@pytest.mark.parametrize("argument", ["--delegate=gpu", "--benchmark_binary=file"])
def test_flags_of_phones_are_refused_for_the_host(argument: str) -> None:
    _give(argument)
    name = argument.split("=")[0]
    with pytest.raises(InputError, match=rf"Expected {name} with a phone only. Received: --device=host\."):
        device_from_flags("host")


def test_a_host_may_be_named_beside_a_phone_that_is_waited_for() -> None:
    _give("--wait_minutes=1")
    assert [device.id for device in devices_from_flags(["host", "adb:1"])] == ["host", "adb:1"]


def test_a_cpu_mask_is_for_devices_of_one_kind() -> None:
    _give("--cpu_mask=1")
    assert len(devices_from_flags(["adb:1", "adb:2"])) == 2
    with pytest.raises(InputError, match=r"with devices of one kind. Received: the host and a phone\. Measure them in"):
        devices_from_flags(["host", "adb:1"])


def _delegate_of(target: Target) -> str | None:
    return device_from_flags("adb", target).known_facts().delegate


def test_a_phone_runs_models_of_a_target_with_a_delegate_of_it() -> None:
    assert [_delegate_of(target) for target in (CPU, GPU, NPU)] == ["xnnpack", "gpu", "nnapi"]
    _give("--delegate=gpu")
    assert [_delegate_of(target) for target in (CPU, GPU)] == ["gpu", "gpu"]
    with pytest.raises(InputError, match=r"models of the target npu: nnapi. Received: --delegate=gpu. Leave it out"):
        device_from_flags("adb", NPU)


def test_no_device_measures_for_microcontrollers() -> None:
    with pytest.raises(InputError, match=r"can be measured here, or on a phone. Received: mcu, TFLite Micro on "):
        device_from_flags("host", MCU)


@pytest.mark.parametrize("device_ids", [[], ["host", "host"], ["adb:1", "adb:1"]])
def test_devices_are_named_once_each(device_ids: list[str]) -> None:
    with pytest.raises(InputError, match=r"Expected --device to name devices, each once\. Received: "):
        devices_from_flags(device_ids)
