"""Plain networks that are as quick as a budget allows: the width that a published network may have."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Device
from ofa_tf.space.plain_networks import SMALL_NETWORKS
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU

# From a fifth to one and a half times the published widths.
WIDTHS = tuple(round(0.2 + 0.1 * step, 1) for step in range(14))

_PLUGIN = '''"""Registers a plain network as a search space."""

import ofa_tf
from ofa_tf.space.plain_networks import SMALL_NETWORKS

ofa_tf.register_search_space(SMALL_NETWORKS["{name}"]({width:g}))
'''


@dataclasses.dataclass(frozen=True)
class PlainNetwork:
    """A published network of some width, and how long it takes.

    Args:
        name: One of `SMALL_NETWORKS`.
        width: What its channels are multiplied by.
        latency_ms: Of its float model.
    """

    name: str
    width: float
    latency_ms: float

    @property
    def space_name(self) -> str:
        """Name of the search space that consists of it."""
        return SMALL_NETWORKS[self.name](self.width).name


def measure_plain_networks(device: Device, num_classes: int, widths: Sequence[float] = WIDTHS) -> list[PlainNetwork]:
    """Measure each of `SMALL_NETWORKS` in some widths, with random weights.

    They are measured in turns: a spell in which the device is slow then falls on all of them, not on one.

    Args:
        device: Where to measure.
        num_classes: Number of classes.
        widths: What channels are multiplied by.

    Raises:
        InputError: If the device cannot measure, or one of the networks does not run on it.
    """
    from ofa_tf.workflow.latency import measure_networks  # loads TensorFlow
    from ofa_tf.workflow.latency_settings import NETWORK_SETTINGS

    names_and_widths = [(name, width) for name in SMALL_NETWORKS for width in widths]
    spaces = [SMALL_NETWORKS[name](width) for name, width in names_and_widths]
    networks = [(space, space.largest()) for space in spaces]
    measurements = measure_networks(networks, num_classes, device, FLOAT32_ON_CPU, NETWORK_SETTINGS)
    measured_networks = []
    for (name, width), space, measured in zip(names_and_widths, spaces, measurements, strict=True):
        if measured.latency_ms is None:
            raise InputError(f"Expected {space.name} to run on {device.id}. Received: {measured.error}.")
        measured_networks.append(PlainNetwork(name, width, measured.latency_ms))
    return measured_networks


def widest_within(networks: Sequence[PlainNetwork], name: str, budget_ms: float) -> PlainNetwork | None:
    """The widest network of a name that takes no longer than a budget; `None` where all do.

    Args:
        networks: What was measured.
        name: One of `SMALL_NETWORKS`.
        budget_ms: Latency, milliseconds.
    """
    within = [network for network in networks if network.name == name and network.latency_ms <= budget_ms]
    return max(within, key=lambda network: network.width, default=None)


def write_plugin(network: PlainNetwork, folder: Path) -> Path:
    """Write the file for `--plugins` that registers a network, and return its path."""
    path = folder / f"{files.safe_name(network.space_name)}.py"
    files.write_bytes(path, _PLUGIN.format(name=network.name, width=network.width).encode())
    return path
