"""`DeviceKind`: what is known of devices before one of them is opened."""

import dataclasses
from collections.abc import Callable, Mapping

from ofa_tf.devices.device import Device


@dataclasses.dataclass(frozen=True)
class ListedDevice:
    """A device that a user may name, or a kind of which there is none.

    Args:
        id: How a user names it.
        state: `"device"` if it is ready, else what is the matter.
    """

    id: str
    state: str


@dataclasses.dataclass(frozen=True)
class DeviceKind:
    """A kind of devices; registered in `opening.DEVICE_KINDS` under the name that its ids begin with.

    Args:
        forms: How users name devices of the kind, such as `"adb"` and `"adb:SERIAL"`
            -> what that means, if it needs to be said.
        description: A device of the kind, in words: `"a phone"`.
        options: Names of the options that `open` takes. An option that tools have a
            flag for, see `device_flags`, is refused for devices that do not take it.
        open: Gives a device. It takes what the id has after the colon, `None` without
            a colon, and options by name.
        list_all: Gives the devices of the kind that are there, or an entry that says why
            there are none.
        is_always_at_hand: Whether there is no need to ask before something is measured.
    """

    forms: Mapping[str, str]
    description: str
    options: tuple[str, ...]
    open: Callable[..., Device]
    list_all: Callable[[], list[ListedDevice]]
    is_always_at_hand: bool = False

    def takes(self, address: str | None) -> bool:
        """Whether an id may have this after its colon; `None`: whether it may be without one."""
        if address is None:
            return any(":" not in form for form in self.forms)
        return address != "" and any(":" in form for form in self.forms)
