from collections.abc import Sequence
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Measurement
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.found_costs import save_and_measure
from ofa_tf.workflow.measured_run import MeasuredRun
from tests.support.spaces import MICRO

_ARCHS = [MICRO.smallest(), MICRO.largest()]
_PREDICTED = [SubnetCosts("board", 1, 2, 0.5), SubnetCosts("board", 3, 4, 0.7)]
_MEASURED = [SubnetCosts("board", 1, 2, 0.5, Measurement("network", 0.6)), _PREDICTED[1]]


class _MadeUpRun(MeasuredRun):
    """Costs that are known beforehand; `failure` is raised where latencies are measured."""

    failure: BaseException | None = None

    def predict_costs(
        self, archs: Sequence[Arch], device: object = "host", precision: str = "float32", latency_table: object = None
    ) -> list[SubnetCosts]:
        assert (archs, device, precision, latency_table) == (_ARCHS, "board", "int8", "table.json")
        return _PREDICTED

    def measure_costs(
        self, archs: Sequence[Arch], device: object = "host", precision: str = "float32", latency_table: object = None
    ) -> list[SubnetCosts]:
        assert (archs, device, precision, latency_table) == (_ARCHS, "board", "int8", "table.json")
        if self.failure is not None:
            raise self.failure
        return _MEASURED


def _save_and_measure(
    tmp_path: Path, saved: list[Sequence[SubnetCosts]], failure: BaseException | None = None, is_measured: bool = True
) -> list[SubnetCosts]:
    run = _MadeUpRun(tmp_path)
    run.failure = failure
    return save_and_measure(
        run, _ARCHS, "board", "int8", saved.append, latency_table="table.json", is_measured=is_measured
    )


def test_what_was_found_is_saved_before_and_after_its_latency_is_measured(tmp_path: Path) -> None:
    saved: list[Sequence[SubnetCosts]] = []
    assert _save_and_measure(tmp_path, saved) == _MEASURED
    assert saved == [_PREDICTED, _MEASURED]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError("the cable was pulled")])
def test_what_was_found_is_kept_where_a_measurement_ends_the_program(tmp_path: Path, failure: BaseException) -> None:
    saved: list[Sequence[SubnetCosts]] = []
    with pytest.raises(type(failure)):
        _save_and_measure(tmp_path, saved, failure)
    assert saved == [_PREDICTED]


def test_a_device_that_cannot_measure_is_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved: list[Sequence[SubnetCosts]] = []
    assert _save_and_measure(tmp_path, saved, InputError("Expected a device.")) == _PREDICTED
    assert "without measured latencies: Expected a device." in capsys.readouterr().err
    assert saved == [_PREDICTED]


def test_nothing_is_measured_unless_that_is_wanted(tmp_path: Path) -> None:
    saved: list[Sequence[SubnetCosts]] = []
    assert _save_and_measure(tmp_path, saved, RuntimeError("measured"), is_measured=False) == _PREDICTED
    assert saved == [_PREDICTED]
