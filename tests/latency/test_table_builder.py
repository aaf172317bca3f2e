import dataclasses
from collections.abc import Sequence

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.latency.table_builder import build_latency_table
from tests.support.formula_device import FormulaDevice, piece_models
from tests.support.spaces import MICRO


class _ForgetfulDevice(FormulaDevice):
    """Does not say on which device it measured."""

    def measure(
        self, models: Sequence[BenchmarkModel], settings: BenchmarkSettings, on_progress: Progress | None = None
    ) -> list[Measurement]:
        rows = super().measure(models, settings, on_progress)
        return [dataclasses.replace(row, device={}) for row in rows]


def test_a_device_that_does_not_say_on_which_it_measured_is_refused_at_once() -> None:
    device = _ForgetfulDevice()
    with pytest.raises(InputError, match=r"to have its facts, .* Received: \{\} in that of .*Mend its measure"):
        build_latency_table(piece_models(MICRO, 10), device)
    assert len(device.models) < 100  # one batch
