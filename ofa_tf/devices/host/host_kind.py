"""The host among the kinds of devices."""

from ofa_tf.devices.device_kind import DeviceKind, ListedDevice
from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.devices.host.host_facts import HOST_ID


def _open_host(
    address: None,
    cpu_mask: str | None = None,
    wait_s: float = 0.0,
) -> HostDevice:
    """The host, which is always at hand: however long a user would wait for it, nothing has to be done."""
    del address, wait_s
    return HostDevice(cpu_mask=cpu_mask)


def _list_host() -> list[ListedDevice]:
    return [ListedDevice(HOST_ID, "device")]


HOST_KIND = DeviceKind(
    forms={HOST_ID: ""},
    description="the host",
    options=("cpu_mask", "wait_s"),
    open=_open_host,
    list_all=_list_host,
    is_always_at_hand=True,
)
