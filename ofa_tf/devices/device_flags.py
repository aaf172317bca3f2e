"""Flags of the tools that measure on phones."""

from pathlib import Path

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_program import DELEGATES
from ofa_tf.devices.android.phone_device import PhoneSettings
from ofa_tf.devices.device import Device, get_device
from ofa_tf.devices.host.host_device import HostDevice

_BENCHMARK_BINARY = flags.DEFINE_string(
    "benchmark_binary", None, "benchmark_model for the phone; by default the one that --fetch_benchmark_binary keeps."
)
_DELEGATE = flags.DEFINE_enum("delegate", "xnnpack", DELEGATES, "Who runs the operators on a phone.")
_CPU_MASK = flags.DEFINE_string("cpu_mask", None, "Cores that may run the model, hexadecimal, such as f0.")
_WAIT_MINUTES = flags.DEFINE_float("wait_minutes", 5.0, "How long to wait for a phone that is gone.", lower_bound=0)

DEVICE_HELP = "host, adb (the only phone) or adb:SERIAL."


def device_from_flags(device_id: str) -> Device:
    """The device of an id, used as the flags say.

    Raises:
        InputError: If the id or a flag has a wrong value.
    """
    if device_id == "host":
        given = [flag.name for flag in (_BENCHMARK_BINARY, _DELEGATE) if flag.present]
        if given:
            raise InputError(f"Expected --{given[0]} with a phone only. Received: --device=host.")
        return HostDevice(cpu_mask=_CPU_MASK.value)
    binary = _BENCHMARK_BINARY.value
    settings = PhoneSettings(
        None if binary is None else Path(binary), _DELEGATE.value, _CPU_MASK.value, 60 * _WAIT_MINUTES.value
    )
    return get_device(device_id, settings)
