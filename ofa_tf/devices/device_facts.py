"""`DeviceFacts`: what a latency was measured on, and which of these facts must agree.

The names of the fields are the keys in files. They stand here only: whoever
compares facts takes one of the groups of names below.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

# Measurements that differ in one of these are not of one latency table.
DECISIVE_FACTS = ("device", "model", "abi", "runtime_sha256", "num_threads")

# What a user chooses for a measurement: every choice has a latency table of its own.
CHOSEN_FACTS = ("benchmark_tool", "delegate", "gpu_precision", "cpu_mask", "num_threads")

# Of these choices `None`, which files leave out, is the usual one.
USUALLY_NONE_FACTS = ("benchmark_tool", "gpu_precision")

# How a device is reached: a phone in the network has another address every day.
ADDRESS_FACTS = ("device", "serial")

# What differs from one measurement to the next on the same device.
CONDITION_FACTS = ("before", "after")

# `None` says something about these, namely that the user named no cores.
_FACTS_THAT_MAY_BE_NONE = ("cpu_mask",)


@dataclasses.dataclass(frozen=True)
class DeviceFacts:
    """Facts about device, runtime and settings that latencies depend on.

    `None` stands for a fact that is not known, or that devices of a kind do not
    have; it is left out of files. The facts up to `cpu_mask` hold for a device as
    it is used, the others for one measurement on it.

    Args:
        device: How a user names the device, such as `"host"`.
        serial: What adb calls a phone, by the way that it is reached.
        model: Name of the phone or of the processor.
        manufacturer: Who made the phone.
        abi: Instruction set, as the operating system names it.
        os_build: Version of the operating system.
        hardware_serial: Serial number of the phone itself.
        num_cores: Number of cores.
        runtime: Name (and version, if it is known) of what runs the models.
        runtime_sha256: Hash over the runtime's program or libraries.
        benchmark_tool: Which program runs the models on a phone; `None`: the usual one.
        delegate: Who runs the operators.
        gpu_precision: How exactly a GPU computes; `None`: as it usually does.
        cpu_mask: Cores that the user named, as `taskset` takes them; `None`: none
            were named.
        num_threads: Threads of the interpreter.
        cores: Numbers of the cores that the measuring process was pinned to.
        rounds: Rounds of each model.
        flags: What the measuring program was given besides delegate and model.
        before: Condition of a phone before the measurement: heat, battery, clock.
        after: The same, after it; of the host, `busy_with_others`: the share of all processor time that other programs
            used meanwhile.
        others: Further facts, by name, of devices that have facts of their own.
    """

    device: str | None = None
    serial: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    abi: str | None = None
    os_build: str | None = None
    hardware_serial: str | None = None
    num_cores: int | None = None
    runtime: str | None = None
    runtime_sha256: str | None = None
    benchmark_tool: str | None = None
    delegate: str | None = None
    gpu_precision: str | None = None
    cpu_mask: str | None = None
    num_threads: int | None = None
    cores: list[int] | None = None
    rounds: int | None = None
    flags: list[str] | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    others: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The facts that are known, as JSON-serialisable data."""
        facts: dict[str, Any] = {}
        for name in _field_names():
            value = getattr(self, name)
            if value is not None or name in _FACTS_THAT_MAY_BE_NONE:
                facts[name] = value
        return {**facts, **self.others}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "DeviceFacts":
        """The facts of a file; those that this version does not know become `others`."""
        own_names = _field_names()
        own = {}
        others = {}
        for name, value in facts.items():
            if name in own_names:
                own[name] = value
            else:
                others[name] = value
        return cls(**own, others=others)

    def without_address(self) -> "DeviceFacts":
        """The facts, but for how the device is reached."""
        unknown: dict[str, Any] = dict.fromkeys(ADDRESS_FACTS)
        return dataclasses.replace(self, **unknown)


def kind_of_measurement(facts: Mapping[str, Any]) -> list[Any]:
    """On what and how was measured: of two measurements of a model that agree in this, the later replaces the earlier.

    Args:
        facts: Facts of a file, see `DeviceFacts.to_dict`.
    """
    return [facts.get(name) for name in (*DECISIVE_FACTS, *CHOSEN_FACTS)]


def shareable_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a file that may be handed on with a model: without what tells this phone from others of its kind.

    Args:
        facts: Facts as data, see `DeviceFacts.to_dict`.

    Returns:
        The facts without addresses, serial numbers and the condition that the device was in;
        `device` is the kind of device only, such as `"adb"`.
    """
    left_out = (*ADDRESS_FACTS, *CONDITION_FACTS, "hardware_serial")
    kept = {name: value for name, value in facts.items() if name not in left_out}
    return {"device": shareable_name(str(facts.get("device") or "")), **kept}


def shareable_name(device: str) -> str:
    """How a user names a device, without its address or serial number: `"adb"` of `"adb:SERIAL"`."""
    kind, _, _ = device.partition(":")
    return kind


def _field_names() -> list[str]:
    """The names of the facts in the order in which files have them."""
    names = [field.name for field in dataclasses.fields(DeviceFacts)]
    names.remove("others")
    return names
