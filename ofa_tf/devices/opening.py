"""`open_device`: from the id that a user gives to the device.

The kinds of devices are registered here, and nowhere else is one told from another.
A further kind needs a class with the methods of `Device`, a `DeviceKind` that says
how such devices are opened and listed, and one more line below.
"""

from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.devices.android.phone_device import PHONE_ID
from ofa_tf.devices.android.phone_kind import PHONE_KIND
from ofa_tf.devices.device import Device
from ofa_tf.devices.device_kind import DeviceKind, ListedDevice
from ofa_tf.devices.host.host_facts import HOST_ID
from ofa_tf.devices.host.host_kind import HOST_KIND

DEVICE_KINDS: Registry[DeviceKind] = Registry("device kind", PLUGIN_HINT)
DEVICE_KINDS.register(HOST_ID, HOST_KIND)
DEVICE_KINDS.register(PHONE_ID, PHONE_KIND)


def open_device(device_id: str, **options: Any) -> Device:
    """The device of an id.

    It need not be connected before it is used.

    Args:
        device_id: `"host"`, `"adb"` (the only phone), `"adb:SERIAL"` or what other
            kinds are registered.
        **options: How the device is used: `cpu_mask` for the host, the fields of
            `PhoneSettings` for phones.

    Raises:
        InputError: If the id has another form, or an option is not one of its kind or
            has a wrong value.
    """
    kind, address = _parse(device_id)
    unknown = [name for name in options if name not in kind.options]
    if unknown:
        raise InputError(
            f"Expected the options of {kind.description} to be of {list(kind.options)}. "
            f"Received: {', '.join(unknown)} for the device {device_id}."
        )
    return kind.open(address, **options)


def kind_of(device_id: str) -> DeviceKind:
    """The kind of the device of an id.

    Raises:
        InputError: If the id is not of a form that a kind has.
    """
    kind, _ = _parse(device_id)
    return kind


def list_devices() -> list[ListedDevice]:
    """The devices that are there, kind by kind.

    Raises:
        InputError: If a kind of devices cannot be listed, as when adb does not answer.
    """
    devices = []
    for name in DEVICE_KINDS:
        devices += DEVICE_KINDS[name].list_all()
    return devices


def describe_forms() -> str:
    """How users name devices, in words, with what that means."""
    forms = []
    for form, meaning in _forms().items():
        if meaning:
            form = f"{form} ({meaning})"
        forms.append(form)
    return _enumerate(forms)


def _parse(device_id: str) -> tuple[DeviceKind, str | None]:
    """The kind of an id, and what the id has after the colon, if it has one."""
    name, colon, rest = device_id.partition(":")
    address = rest if colon else None
    if name not in DEVICE_KINDS or not DEVICE_KINDS[name].takes(address):
        raise InputError(
            f"Expected the device to be {_enumerate(list(_forms()))}. Received: {device_id!r}. {PLUGIN_HINT}"
        )
    return DEVICE_KINDS[name], address


def _forms() -> dict[str, str]:
    forms: dict[str, str] = {}
    for name in DEVICE_KINDS:
        forms |= DEVICE_KINDS[name].forms
    return forms


def _enumerate(words: list[str]) -> str:
    """The words as a sentence has them: `"host, adb or adb:SERIAL"`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
