"""Devices are opened by their ids, and further kinds of devices beside those that there are."""

from collections.abc import Sequence

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices import opening
from ofa_tf.devices.android.phone_device import PhoneDevice
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.device_facts import CHOSEN_FACTS, DeviceFacts
from ofa_tf.devices.device_kind import DeviceKind, ListedDevice
from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.devices.opening import DEVICE_KINDS, kind_of, list_devices, open_device


class BoardDevice:
    """A kind of device that the package does not have."""

    facts_that_tell_tables_apart = CHOSEN_FACTS

    def __init__(self, address: str, bus: str = "usb") -> None:
        self.id = f"board:{address}"
        self.bus = bus

    def known_facts(self) -> DeviceFacts:
        return DeviceFacts(device=self.id)

    def describe(self) -> DeviceFacts:
        return DeviceFacts(device=self.id, others={"bus": self.bus})

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        return [Measurement.failed(model.name, self.describe(), "it is made of cardboard") for model in models]


BOARD_KIND = DeviceKind(
    forms={"board:PORT": "a board on a port"},
    description="a board",
    options=("bus",),
    open=BoardDevice,
    list_all=lambda: [ListedDevice("board:1", "device")],
)


@pytest.fixture
def board_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own, to which it adds a kind."""
    kinds: opening.Registry[DeviceKind] = opening.Registry("device kind")
    for name in DEVICE_KINDS:
        kinds.register(name, DEVICE_KINDS[name])
    kinds.register("board", BOARD_KIND)
    monkeypatch.setattr(opening, "DEVICE_KINDS", kinds)


def test_the_host_is_available() -> None:
    device = open_device("host")
    assert isinstance(device, HostDevice)
    assert device.id == "host"


@pytest.mark.parametrize("device_id", ["adb", "adb:0123", "adb:192.168.1.2:5555"])
def test_a_phone_need_not_be_connected_before_it_is_used(device_id: str) -> None:
    device = open_device(device_id)
    assert isinstance(device, PhoneDevice)
    assert device.id == device_id


@pytest.mark.parametrize("device_id", ["", "phone", "adb:", "Host", "host:", "host:1"])
def test_other_ids_are_refused(device_id: str) -> None:
    with pytest.raises(
        InputError, match=rf"Expected the device to be host, adb or adb:SERIAL. Received: '{device_id}'"
    ):
        open_device(device_id)


def test_options_reach_the_device() -> None:
    with pytest.raises(InputError, match=r"Expected `delegate` to be one of .* Received: 'abacus'"):
        open_device("adb", delegate="abacus")
    with pytest.raises(InputError, match=r"Expected `cpu_mask` to be a hexadecimal number such as f0. Received: '0'"):
        open_device("host", cpu_mask="0", wait_s=60.0)


def test_options_of_another_kind_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"options of the host to be of \['cpu_mask', 'wait_s'\]. Received: delegate for the device"
    ):
        open_device("host", delegate="gpu")


def test_of_a_device_that_is_not_at_hand_only_its_id_and_use_are_known() -> None:
    phone = open_device("adb:0123", delegate="gpu", cpu_mask="f0")
    assert phone.known_facts() == DeviceFacts(device="adb:0123", delegate="gpu", cpu_mask="f0")
    host = open_device("host")
    assert host.known_facts() == host.describe()


def test_a_table_of_another_model_is_kept_if_it_is_a_phone_s() -> None:
    """A host's is of no use on another computer."""
    assert "model" in open_device("adb").facts_that_tell_tables_apart
    assert "model" not in open_device("host").facts_that_tell_tables_apart


@pytest.mark.usefixtures("board_kind")
def test_a_registered_kind_is_opened_and_used() -> None:
    device = open_device("board:7", bus="spi")
    assert device.id == "board:7"
    (measurement,) = device.measure([BenchmarkModel("m", b"")], BenchmarkSettings())
    assert measurement.device == {"device": "board:7", "cpu_mask": None, "bus": "spi"}
    assert kind_of("board:7").description == "a board"


@pytest.mark.usefixtures("board_kind")
def test_a_registered_kind_is_named_among_those_that_there_are() -> None:
    assert opening.describe_forms() == "host, adb (the only phone), adb:SERIAL or board:PORT (a board on a port)"
    with pytest.raises(
        InputError, match=r"Expected the device to be host, adb, adb:SERIAL or board:PORT. Received: 'board'. If it is"
    ):
        open_device("board")


@pytest.mark.usefixtures("board_kind")
def test_devices_are_listed_kind_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert list_devices() == [
        ListedDevice("host", "device"),
        ListedDevice("adb", "no phones: the program adb is not installed"),
        ListedDevice("board:1", "device"),
    ]
