"""Files keep their keys and their order, whatever a device knows of itself."""

import dataclasses

import pytest

from ofa_tf.devices import device_facts
from ofa_tf.devices.device_facts import DeviceFacts, shareable_facts


def test_a_host_s_facts_are_written_with_these_keys_in_this_order() -> None:
    facts = DeviceFacts(
        device="host",
        model="CPU",
        abi="x86_64",
        os_build="Linux",
        num_cores=2,
        runtime="LiteRT 2",
        runtime_sha256="0a",
        delegate="XNNPACK",
        num_threads=1,
        cores=[1],
    )
    assert list(facts.to_dict().items()) == [
        ("device", "host"),
        ("model", "CPU"),
        ("abi", "x86_64"),
        ("os_build", "Linux"),
        ("num_cores", 2),
        ("runtime", "LiteRT 2"),
        ("runtime_sha256", "0a"),
        ("delegate", "XNNPACK"),
        ("cpu_mask", None),
        ("num_threads", 1),
        ("cores", [1]),
    ]


def test_a_phone_s_facts_are_written_with_these_keys_in_this_order() -> None:
    facts = DeviceFacts(
        device="adb",
        serial="S",
        model="P",
        manufacturer="M",
        abi="arm64-v8a",
        os_build="14",
        hardware_serial="H",
        runtime="benchmark_model",
        runtime_sha256="0a",
        delegate="gpu",
        cpu_mask="f0",
        num_threads=4,
        rounds=6,
        flags=["--num_threads=4"],
        before={"thermal_status": 0},
        after={"thermal_status": 1},
    )
    assert list(facts.to_dict()) == [
        *("device", "serial", "model", "manufacturer", "abi", "os_build", "hardware_serial"),
        *("runtime", "runtime_sha256", "delegate", "cpu_mask"),
        *("num_threads", "rounds", "flags", "before", "after"),
    ]


def test_facts_survive_a_file_also_those_that_only_another_version_knows() -> None:
    written = {"device": "adb", "model": "P", "cpu_mask": None, "firmware": "7"}
    facts = DeviceFacts.from_dict(written)
    assert (facts.model, facts.others) == ("P", {"firmware": "7"})
    assert facts.to_dict() == written


def test_a_fact_that_older_files_lack_is_not_known() -> None:
    facts = DeviceFacts.from_dict({"device": "host"})
    assert facts == DeviceFacts(device="host")
    assert facts.to_dict() == {"device": "host", "cpu_mask": None}


def test_the_same_phone_has_the_same_facts_however_it_is_reached() -> None:
    by_cable = DeviceFacts(device="adb", serial="S", model="P", hardware_serial="H")
    by_network = dataclasses.replace(by_cable, device="adb:192.0.2.7:5555", serial="192.0.2.7:5555")
    assert by_cable.without_address() == by_network.without_address() != by_cable


@pytest.mark.parametrize("group", ["DECISIVE_FACTS", "CHOSEN_FACTS", "ADDRESS_FACTS", "CONDITION_FACTS"])
def test_groups_of_facts_name_facts(group: str) -> None:
    names = {field.name for field in dataclasses.fields(DeviceFacts)}
    assert set(getattr(device_facts, group)) <= names


def test_what_identifies_a_user_s_own_phone_is_not_handed_on() -> None:
    facts = DeviceFacts(
        device="adb:1.2.3.4:5555",
        serial="1.2.3.4:5555",
        model="Phone",
        hardware_serial="R58",
        num_threads=4,
        before={"celsius": 30},
        after={"celsius": 31},
        others={"soc": "Chip"},
    ).to_dict()
    assert shareable_facts(facts) == {
        "device": "adb",
        "model": "Phone",
        "cpu_mask": None,
        "num_threads": 4,
        "soc": "Chip",
    }
