"""A plugin that registers one thing of every kind that a tool looks up by its name.

For programs: imported by a test, it would make these names known to all other tests of the process.
"""

import dataclasses

import numpy as np

from ofa_tf.devices.device import Device
from ofa_tf.devices.device_kind import DeviceKind, ListedDevice
from ofa_tf.devices.opening import DEVICE_KINDS
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, ConstraintKind, CostContext, Measure
from ofa_tf.search.predictors.predictor_registry import PREDICTORS
from ofa_tf.tflite.quantization.modes import INT8, QUANTIZATION_MODES
from ofa_tf.tflite.quantization.precisions import PRECISIONS, Precision
from tests.support import spaces  # noqa: F401  (registers search spaces)
from tests.support.own_predictor import OwnPredictor

OWN = "own"


def _open_board(address: str | None) -> Device:
    from tests.support.formula_device import FormulaDevice

    del address
    return FormulaDevice()


def _count_blocks(context: CostContext) -> Measure:
    def measure(genes: np.ndarray) -> np.ndarray:
        return context.space.active_blocks(genes).sum(axis=1)

    return measure


DEVICE_KINDS.register(
    "board",
    DeviceKind(
        forms={"board": ""},
        description="a board",
        options=(),
        open=_open_board,
        list_all=lambda: [ListedDevice("board", "device")],
    ),
)
PREDICTORS.register(OWN, OwnPredictor)
CONSTRAINT_KINDS.register("num_blocks", ConstraintKind("Most blocks.", _count_blocks))
OWN_MODE = QUANTIZATION_MODES.register(OWN, dataclasses.replace(INT8, name=OWN))
PRECISIONS.register(OWN, Precision(OWN, OWN_MODE))
