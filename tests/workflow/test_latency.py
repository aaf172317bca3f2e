import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Measurement
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.table_builder import TABLE_SETTINGS
from ofa_tf.workflow.latency import check_networks, only_measured
from ofa_tf.workflow.latency_settings import NETWORK_SETTINGS, LatencyTableSettings
from ofa_tf.workflow.table_checks import check_same_use, check_table_path
from tests.support.formula_device import FormulaDevice
from tests.support.spaces import MICRO, SMALL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"settings": LatencyTableSettings(num_threads=2)},
            "measured with num_threads=2, .* Received: one with 1. Name another file with --output",
        ),
        (
            {"settings": LatencyTableSettings(precision="int8")},
            "measured with precision='int8', .* Received: one with 'float32'",
        ),
        ({"device": HostDevice(cpu_mask="1")}, "measured with cpu_mask='1', .* Received: one with None"),
        ({"space": SMALL}, "measured with space='small', .* Received: one with 'micro'"),
    ],
)
def test_a_latency_table_that_was_measured_in_another_way_is_not_replaced(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "t.json"
    given: dict[str, Any] = {"space": MICRO, "device": HostDevice(), "settings": LatencyTableSettings()}
    check_table_path(path, **given)
    device = {**HostDevice().describe().to_dict(), "num_threads": 1}
    LatencyTable(MICRO, 3, "float32", device, {}, (16,), 0.1, {}).save(path)
    check_table_path(path, **given)
    with pytest.raises(InputError, match=message):
        check_table_path(path, **{**given, **changes})


@pytest.mark.parametrize("name", ["benchmark_tool", "gpu_precision"])
def test_a_choice_that_files_leave_out_where_it_is_usual_tells_tables_apart(tmp_path: Path, name: str) -> None:
    usual = DeviceFacts(device="formula", num_threads=1)
    chosen = dataclasses.replace(usual, **{name: "another"})
    for at_first, now in ((usual, chosen), (chosen, usual)):
        path = tmp_path / "t.json"
        table = LatencyTable(MICRO, 3, "float32", at_first.to_dict(), {}, (16,), 0.1, {})
        table.save(path)
        check_same_use(table, _device_with(at_first))
        check_table_path(path, MICRO, _device_with(at_first), LatencyTableSettings())
        with pytest.raises(InputError, match=rf"{name}=.* Measure it with"):
            check_same_use(table, _device_with(now))
        with pytest.raises(InputError, match=rf"measured with {name}=.* Name another file with --output"):
            check_table_path(path, MICRO, _device_with(now), LatencyTableSettings())


def _device_with(facts: DeviceFacts) -> FormulaDevice:
    device = FormulaDevice()
    device.describe = lambda: facts  # type: ignore[method-assign]
    device.known_facts = lambda: facts  # type: ignore[method-assign]
    return device


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_threads": 0}, "Expected `num_threads` to be at least 1. Received: num_threads=0"),
        ({"num_networks": 3}, "Expected `num_networks` to be at least 4. Received: num_networks=3"),
        ({"num_held_out": 0}, "Expected `num_held_out` to be at least 1. Received: num_held_out=0"),
        ({"seed": -1}, "Expected `seed` to be at least 0. Received: seed=-1"),
        ({"time_limit_s": -1.0}, "Expected `time_limit_s` to be above 6 seconds, .* Received: time_limit_s=-1"),
        ({"time_limit_s": float("nan")}, "Received: time_limit_s=nan"),
        ({"precision": "int3"}, "Received: precision='int3'"),
    ],
)
def test_settings_with_which_nothing_could_be_measured_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LatencyTableSettings(**settings)


def test_settings_whose_time_is_just_enough_are_measured_with() -> None:
    settings = LatencyTableSettings(time_limit_s=6.5)
    for measured_with in (TABLE_SETTINGS, NETWORK_SETTINGS):
        with_limit = dataclasses.replace(measured_with, time_limit_s=settings.time_limit_s)
        assert with_limit.time_limit_s == 6.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "older.json",
            r"replaced, to be a whole latency table of this version. Received: one that cannot be read \(KeyErr",
        ),
        ("a.svg", r"Expected --output to end in .json; the plot gets the suffix .svg"),
        ("arch.json", r"Received: one with the schema 'ofa_tf/arch/1'"),
        ("damaged.json", r"Received: one that this program did not write, or that is damaged; it is not replaced"),
    ],
)
def test_a_path_that_is_no_latency_table_s_is_refused_before_all_is_measured(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "arch.json").write_text('{"schema": "ofa_tf/arch/1"}')
    (tmp_path / "damaged.json").write_text('{"schema": "ofa_tf/late')
    (tmp_path / "older.json").write_text('{"schema": "ofa_tf/latency_table/1", "entries": {}}')
    with pytest.raises(InputError, match=message):
        check_table_path(tmp_path / name, MICRO, HostDevice(), LatencyTableSettings())


def test_an_empty_file_is_free_to_become_a_latency_table(tmp_path: Path) -> None:
    (tmp_path / "t.json").touch()
    check_table_path(tmp_path / "t.json", MICRO, HostDevice(), LatencyTableSettings())


def test_networks_that_do_not_run_are_left_out() -> None:
    archs = [MICRO.smallest(), MICRO.largest(), MICRO.smallest(20)]
    rows = [Measurement("a", 1.0), Measurement("b", None, error="out of memory"), Measurement("c", 2.0)]
    assert only_measured(archs, rows) == ([archs[0], archs[2]], [1.0, 2.0])


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ([], None),
        ([2, 3, 6, 7, 8], None),
        (
            [1],
            r"Expected the smallest and the largest network to run on the device. Received: 1; no time. The pieces",
        ),
        ([2, 3, 4], r"Expected 4 of 6 networks to calibrate on to run on the device. Received: 3; no time. The pieces"),
        (
            [6, 7, 8, 9],
            r"Expected 4 of 7 networks to check the model on to run .* Received: 3; .* higher --time_limit_s",
        ),
    ],
)
def test_a_model_is_neither_calibrated_nor_checked_on_few_networks(failing: list[int], message: str | None) -> None:
    rows = [
        Measurement(str(index), None, error="no time") if index in failing else Measurement(str(index), 1.0)
        for index in range(13)
    ]
    with contextlib.nullcontext() if message is None else pytest.raises(InputError, match=message):
        check_networks(rows, 6)


def test_a_device_that_gives_another_id_than_its_own_is_refused(tmp_path: Path) -> None:
    device = FormulaDevice()
    device.id = "board"
    device.describe = lambda: DeviceFacts(device="formula", abi="paper")  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"Expected the device board to give this id.* Received: 'formula'"):
        check_table_path(tmp_path / "t.json", MICRO, device, LatencyTableSettings())
