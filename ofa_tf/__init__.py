"""Once-for-All supernets in Keras, down to quantized TFLite models on phones.

Importing this is cheap: TensorFlow is loaded when a name that needs it is first
used.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ofa_tf.base.errors import InputError
    from ofa_tf.networks.calibration import calibrate_batch_norm
    from ofa_tf.networks.channel_sorting import sort_channels
    from ofa_tf.networks.extraction import extract_subnet
    from ofa_tf.networks.saving import load_supernet, save_supernet
    from ofa_tf.networks.subnet import build_subnet
    from ofa_tf.networks.supernet import build_supernet
    from ofa_tf.space.arch import Arch
    from ofa_tf.space.costs import num_macs, num_params
    from ofa_tf.space.presets import get_search_space, list_search_spaces
    from ofa_tf.space.search_space import SearchSpace
    from ofa_tf.tflite.conversion.to_tflite import to_tflite

_HOMES = {
    "Arch": "space.arch",
    "InputError": "base.errors",
    "SearchSpace": "space.search_space",
    "build_subnet": "networks.subnet",
    "build_supernet": "networks.supernet",
    "calibrate_batch_norm": "networks.calibration",
    "extract_subnet": "networks.extraction",
    "get_search_space": "space.presets",
    "list_search_spaces": "space.presets",
    "load_supernet": "networks.saving",
    "num_macs": "space.costs",
    "num_params": "space.costs",
    "save_supernet": "networks.saving",
    "sort_channels": "networks.channel_sorting",
    "to_tflite": "tflite.conversion.to_tflite",
}

__all__ = [
    "Arch",
    "InputError",
    "SearchSpace",
    "build_subnet",
    "build_supernet",
    "calibrate_batch_norm",
    "extract_subnet",
    "get_search_space",
    "list_search_spaces",
    "load_supernet",
    "num_macs",
    "num_params",
    "save_supernet",
    "sort_channels",
    "to_tflite",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ofa_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ofa_tf.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
