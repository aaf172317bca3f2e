"""Flags of the tools that measure: how the devices are used that `--device` names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.benchmark_tools import BENCHMARK_TOOLS, TFLITE
from ofa_tf.devices.android.benchmark_model.delegates import (
    AUTOMATIC_PRECISION,
    DELEGATE_NAMES,
    GPU_PRECISIONS,
    XNNPACK,
)
from ofa_tf.devices.device import Device
from ofa_tf.devices.device_kind import DeviceKind
from ofa_tf.devices.opening import DEVICE_KINDS, describe_forms, kind_of, open_device
from ofa_tf.tflite.lowering.targets import CPU, Target, usual_delegate

_BENCHMARK_BINARY = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_string,
    "benchmark_binary",
    None,
    "benchmark_model for the phone; by default the one that --fetch_benchmark_binary keeps.",
)
_DELEGATE = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_enum,
    "delegate",
    XNNPACK,
    list(DELEGATE_NAMES),
    "Who runs the operators on a phone; by default what runs models of the target.",
)
_BENCHMARK_TOOL = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_enum,
    "benchmark_tool",
    None,
    list(BENCHMARK_TOOLS),
    "Which benchmark_model to take, or to fetch: TensorFlow Lite's, or LiteRT's for compiled models, published by "
    "version. By default what --benchmark_binary is, else tflite.",
)
_GPU_PRECISION = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_enum,
    "gpu_precision",
    AUTOMATIC_PRECISION,
    list(GPU_PRECISIONS),
    "How exactly the GPU of a phone computes.",
)
_CPU_MASK = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_string,
    "cpu_mask",
    None,
    "Cores that may run the model, hexadecimal, such as f0.",
)
_WAIT_MINUTES = define_in_group(
    FlagGroup.PHONES,
    flags.DEFINE_float,
    "wait_minutes",
    5.0,
    "How long to wait for a phone that is gone.",
    lower_bound=0,
)

# The options of device kinds that have a flag.
_FLAGS = {
    "binary": _BENCHMARK_BINARY,
    "tool": _BENCHMARK_TOOL,
    "delegate": _DELEGATE,
    "gpu_precision": _GPU_PRECISION,
    "cpu_mask": _CPU_MASK,
    "wait_s": _WAIT_MINUTES,
}

DEVICE_HELP = f"{describe_forms()}."


def device_from_flags(device_id: str, target: Target = CPU) -> Device:
    """The device of an id, used as the flags say.

    Args:
        device_id: The id.
        target: What the models are for that will run on it.

    Raises:
        InputError: If the id or a flag has a wrong value, a flag is given that
            such devices do not take, or a delegate that does not run such models.
    """
    kind = kind_of(device_id)
    _check_flags_are_taken(kind, device_id)
    values = _option_values()
    values["delegate"] = _choose_delegate(target)
    options = {name: values[name] for name in values if name in kind.options}
    return open_device(device_id, **options)


def devices_from_flags(device_ids: Sequence[str], target: Target = CPU) -> list[Device]:
    """The devices of several ids, used as the flags say.

    Args:
        device_ids: The ids.
        target: See `device_from_flags`.

    Raises:
        InputError: If no device is named, one is named twice, or a cpu mask is given for
            devices of several kinds, whose cores have nothing in common; and see
            `device_from_flags`.
    """
    if not device_ids or len(set(device_ids)) < len(device_ids):
        raise InputError(f"Expected --device to name devices, each once. Received: {','.join(device_ids)!r}.")
    devices = [device_from_flags(device_id, target) for device_id in device_ids]
    kinds = dict.fromkeys(kind_of(device_id).description for device_id in device_ids)
    if len(kinds) > 1 and _CPU_MASK.present:
        raise InputError(
            f"Expected --cpu_mask with devices of one kind. Received: {' and '.join(kinds)}. "
            "Measure them in separate calls."
        )
    return devices


def benchmark_tool_from_flags() -> BenchmarkTool:
    """The program that the flags name for phones."""
    return TFLITE if _BENCHMARK_TOOL.value is None else BENCHMARK_TOOLS[_BENCHMARK_TOOL.value]


def _choose_delegate(target: Target) -> str:
    """The delegate that the flag names, or the usual one of a target."""
    usual = usual_delegate(target)
    if not _DELEGATE.present:
        return usual or _DELEGATE.value
    # A CPU's models run wherever a user wants to see what becomes of them.
    if target != CPU and _DELEGATE.value not in target.delegates:
        raise InputError(
            f"Expected --delegate to be one that runs models of the target {target.name}: "
            f"{' or '.join(target.delegates)}. Received: --delegate={_DELEGATE.value}. Leave it out."
        )
    return _DELEGATE.value


def _check_flags_are_taken(kind: DeviceKind, device_id: str) -> None:
    """Check that a user gives no flag that would do nothing."""
    for option, flag in _FLAGS.items():
        if not flag.present or option in kind.options:
            continue
        all_kinds = [DEVICE_KINDS[name] for name in DEVICE_KINDS]
        takers = [other.description for other in all_kinds if option in other.options]
        raise InputError(f"Expected --{flag.name} with {' or '.join(takers)} only. Received: --device={device_id}.")


def _option_values() -> dict[str, Any]:
    """The values of the flags, as options of device kinds."""
    binary = None
    if _BENCHMARK_BINARY.value is not None:
        binary = Path(_BENCHMARK_BINARY.value)
    return {
        "binary": binary,
        "tool": _BENCHMARK_TOOL.value,
        "delegate": _DELEGATE.value,
        "gpu_precision": _GPU_PRECISION.value,
        "cpu_mask": _CPU_MASK.value,
        "wait_s": 60 * _WAIT_MINUTES.value,
    }
