"""Phones among the kinds of devices."""

import dataclasses
import shutil
from typing import Any

from ofa_tf.devices.android.connected_phones import list_phones
from ofa_tf.devices.android.phone_device import PHONE_ID, PhoneDevice
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.device_kind import DeviceKind, ListedDevice


def _open_phone(serial: str | None, **options: Any) -> PhoneDevice:
    return PhoneDevice(serial, PhoneSettings(**options))


def _list_phones() -> list[ListedDevice]:
    if shutil.which("adb") is None:  # whoever has no phone needs no adb
        return [ListedDevice(PHONE_ID, "no phones: the program adb is not installed")]
    phones = list_phones()
    if not phones:
        advice = "plug one in with USB debugging enabled, or run adb connect ADDRESS"
        return [ListedDevice(PHONE_ID, f"no phones: adb sees none; {advice}")]
    return [ListedDevice(f"{PHONE_ID}:{serial}", state) for serial, state in phones.items()]


PHONE_KIND = DeviceKind(
    forms={PHONE_ID: "the only phone", f"{PHONE_ID}:SERIAL": ""},
    description="a phone",
    options=tuple(field.name for field in dataclasses.fields(PhoneSettings)),
    open=_open_phone,
    list_all=_list_phones,
)
