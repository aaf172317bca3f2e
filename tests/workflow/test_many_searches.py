import copy
import dataclasses
import functools
import re
import shutil
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices import opening
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.devices.device_kind import DeviceKind
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits
from ofa_tf.tflite.lowering.lowerings import choose_lowerings
from ofa_tf.workflow.many_searches import (
    PlannedSearch,
    check_each,
    compare_devices,
    plan_devices,
    plan_fronts,
    plan_searches,
)
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings
from tests.support.formula_device import FormulaDevice, piece_models
from tests.support.repository import FIXTURES
from tests.support.spaces import MICRO


def test_one_search_writes_a_file(tmp_path: Path) -> None:
    (plan,) = plan_searches(["host"], [Limits(macs=1e6)], str(tmp_path / "arch.json"))
    assert (plan.device, plan.limits, plan.output) == ("host", Limits(macs=1e6), tmp_path / "arch.json")


def test_several_write_into_a_folder_a_file_for_each_device_and_limit(tmp_path: Path) -> None:
    limits = [Limits(latency_ms=0.5), Limits(latency_ms=1)]
    plans = plan_searches(["host", "adb:1234"], limits, str(tmp_path / "found"))
    assert [plan.output.name for plan in plans] == [
        "host_latency_ms_0.5.json",
        "host_latency_ms_1.json",
        "adb_1234_latency_ms_0.5.json",
        "adb_1234_latency_ms_1.json",
    ]
    assert {plan.output.parent for plan in plans} == {tmp_path / "found"}
    assert [plan.name for plan in plans] == ["host", "host", "adb:1234", "adb:1234"]
    assert {plan.latency_table for plan in plans} == {None}


def test_a_device_has_a_search_for_each_of_its_latency_tables(tmp_path: Path) -> None:
    tables = ["", "t/two.json", "t/four.json"]
    plans = plan_searches(["host"], [Limits(latency_ms=1)], str(tmp_path / "found"), tables)
    assert [plan.device for plan in plans] == ["host"] * 3
    assert [plan.latency_table for plan in plans] == [None, "t/two.json", "t/four.json"]
    assert [plan.name for plan in plans] == ["host", "host two", "host four"]
    assert [plan.output.name for plan in plans] == [
        "host_latency_ms_1.json",
        "host_two_latency_ms_1.json",
        "host_four_latency_ms_1.json",
    ]


def test_several_devices_have_their_tables_in_their_order(tmp_path: Path) -> None:
    devices, tables = ["host", "adb:1", "host"], ["one.json", "phone.json", "two.json"]
    plans = plan_searches(devices, [Limits(latency_ms=1)], str(tmp_path / "found"), tables)
    assert [plan.device for plan in plans] == devices
    assert [plan.latency_table for plan in plans] == tables
    assert [plan.name for plan in plans] == ["host one", "adb:1", "host two"]
    fronts = plan_fronts(devices, str(tmp_path / "found"), tables)
    assert [front.output.name for front in fronts] == [
        "front_host_one.json",
        "front_adb_1.json",
        "front_host_two.json",
    ]
    assert [front.latency_table for front in fronts] == tables


def test_one_table_of_one_device_is_still_one_search(tmp_path: Path) -> None:
    (plan,) = plan_searches(["host"], [Limits(macs=1)], str(tmp_path / "arch.json"), ["mine.json"])
    assert (plan.name, plan.latency_table, plan.output) == ("host", "mine.json", tmp_path / "arch.json")
    (front,) = plan_fronts(["host"], str(tmp_path / "front.json"), ["mine.json"])
    assert (front.name, front.latency_table, front.output) == ("host", "mine.json", tmp_path / "front.json")


@pytest.mark.parametrize(
    ("devices", "tables", "message"),
    [
        ([], [], r"Expected --device to name a device\. Received: --device=\."),
        (["a", "a"], [], r"to name different devices\. Received: --device=a,a\. .* --latency_table=A,B\."),
        (["a", "b"], ["t"], r"as many latency tables as devices, .*: --device=a,b --latency_table=t\. .*A,,C"),
        (["a", "b"], ["t", "u", "v"], r"as many latency tables as devices, .*: --device=a,b --latency_table=t,u,v\."),
        (["a"], ["t.json", "t.json"], r"each latency table of a once, .*Received: --latency_table=t\.json,t\.json\."),
        (["a"], ["x/t.json", "y/t.json"], r"names of their files to differ\. .*x/t\.json,y/t\.json\. .*copy it"),
        (["a", "a"], ["", ""], r"Expected each latency table of a once, .*Received: --latency_table=,\."),
    ],
)
def test_devices_and_tables_that_do_not_go_together_are_refused(
    devices: list[str], tables: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan_devices(devices, tables)


def test_no_file_of_another_kind_is_replaced(tmp_path: Path) -> None:
    table = tmp_path / "two.json"
    readme = tmp_path / "README.md"
    for path in (readme, tmp_path / "host_macs_1.json", tmp_path / "front_host_two.json"):
        path.write_text("# Mine")
    limits = [Limits(macs=1), Limits(macs=2)]
    message = r"Expected .*{} to be free, or an older file of the kind '{}'\. Received: one that this program did not"
    with pytest.raises(InputError, match=message.format("README.md", "arch")):
        plan_searches(["host"], limits[:1], str(readme))
    with pytest.raises(InputError, match=message.format("host_macs_1.json", "arch")):
        plan_searches(["host"], limits, str(tmp_path))
    with pytest.raises(InputError, match=message.format("README.md", "front")):
        plan_fronts(["host"], str(readme))
    with pytest.raises(InputError, match=message.format("front_host_two.json", "front")):
        plan_fronts(["host"], str(tmp_path), ["", str(table)])
    assert readme.read_text() == "# Mine"


def test_what_is_to_be_written_can_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Expected a file to write\. Received: the folder "):
        plan_searches(["host"], [Limits(macs=1)], str(tmp_path))
    with pytest.raises(InputError, match=r"Expected a file to write\. Received: the folder "):
        plan_fronts(["host"], str(tmp_path))


def test_equal_limits_are_refused_in_words(tmp_path: Path) -> None:
    limits = [Limits(macs=1e6), Limits(macs=2e6), Limits(macs=1000000)]
    with pytest.raises(InputError, match=r"Expected different limits\. Received: macs=1000000 more than once\."):
        plan_searches(["host"], limits, str(tmp_path / "found"))


def test_a_refused_search_of_several_says_which_it_is(tmp_path: Path) -> None:
    def check(plan: PlannedSearch) -> None:
        if plan.latency_table == "two.json":
            raise InputError("Expected more.")

    limits = [Limits(macs=1), Limits(macs=2)]
    several = plan_searches(["host"], limits, str(tmp_path / "found"), ["one.json", "two.json"])
    with pytest.raises(InputError, match=r"^host two: Expected more\.$"):
        check_each(several, check)
    one = plan_searches(["host"], limits, str(tmp_path / "found"), ["two.json"])
    with pytest.raises(InputError, match=r"^Expected more\.$"):
        check_each(one, check)


@pytest.mark.parametrize(
    ("devices", "num_limits", "output", "message"),
    [
        ([], 1, "found", "Expected --device to name a device. Received: --device=."),
        (["host", "host"], 1, "found", "Expected --device to name different devices. Received: --device=host,host."),
        (["host"], 2, "arch.json", "Expected --output to be a folder, as there are several searches. Received: "),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, devices: list[str], num_limits: int, output: str, message: str
) -> None:
    limits = [Limits(macs=1e6 * (number + 1)) for number in range(num_limits)]
    with pytest.raises(InputError, match=message):
        plan_searches(devices, limits, str(tmp_path / output))


def test_an_output_that_no_list_of_archs_can_name_is_refused(tmp_path: Path) -> None:
    output = str(tmp_path / "x,1.json")
    for plan in (lambda: plan_searches(["host"], [Limits(macs=1)], output), lambda: plan_fronts(["host"], output)):
        with pytest.raises(InputError, match=r"Expected --output to be without commas, .*x,1\.json\. Name another"):
            plan()


def test_each_device_has_a_front_of_its_own(tmp_path: Path) -> None:
    (front,) = plan_fronts(["host"], str(tmp_path / "front.json"))
    assert (front.device, front.latency_table, front.output) == ("host", None, tmp_path / "front.json")
    fronts = plan_fronts(["host", "adb:1"], str(tmp_path / "found"))
    names = {front.device: front.output.relative_to(tmp_path / "found").name for front in fronts}
    assert names == {"host": "front_host.json", "adb:1": "front_adb_1.json"}
    with pytest.raises(InputError, match="to be a folder, as there are several"):
        plan_fronts(["host", "adb:1"], str(tmp_path / "front.json"))


def test_devices_that_would_write_to_the_same_file_are_refused(tmp_path: Path) -> None:
    devices = ["adb:a:b", "adb:a_b"]
    with pytest.raises(InputError, match=r"a file of its own. Received: .*adb_a_b_macs_1000000.json twice"):
        plan_searches(devices, [Limits(macs=1e6)], str(tmp_path / "found"))
    with pytest.raises(InputError, match=r"a file of its own. Received: .*front_adb_a_b.json twice"):
        plan_fronts(devices, str(tmp_path / "found"))


# --- several devices ------------------------------------------------------------


class _NamedDevice(FormulaDevice):
    """The same formula under another name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.id = name

    def describe(self) -> DeviceFacts:
        return DeviceFacts(device=self.id, abi="paper")


_SLOWNESS = {"quick": 1.0, "slow": 2.0}
_ERROR_OF_SLOW = 0.2


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with latency tables of two devices, one twice as slow and slower than predicted by a fifth."""
    kinds = copy.deepcopy(opening.DEVICE_KINDS)
    monkeypatch.setattr(opening, "DEVICE_KINDS", kinds)
    run = Run(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))
    held_out = [MICRO.smallest(), MICRO.largest()]
    for name, slowness in _SLOWNESS.items():
        kinds.register(
            name, DeviceKind({name: ""}, "a device", (), lambda address, name=name: _NamedDevice(name), list)
        )
        table = build_latency_table(piece_models(MICRO, run.num_classes), _NamedDevice(name))
        table = dataclasses.replace(table, lowering=choose_lowerings(integer_activations=False))
        model = LatencyModel(MICRO, table, scale=slowness)
        error = _ERROR_OF_SLOW if name == "slow" else 0.0
        measured_ms = [(1 + error) * model.predict(arch) for arch in held_out]
        calibration = {
            "scale": slowness,
            "exponent": 1.0,
            "held_out": {"archs": [arch.to_dict() for arch in held_out], "measured_ms": measured_ms, "report": {}},
        }
        dataclasses.replace(table, calibration=calibration).save(run.latency_table_path(name))
    return run


def test_the_arch_of_one_device_is_too_slow_on_another_also_by_its_margin(run: Run, tmp_path: Path) -> None:
    quick_ms = run.latency_model("quick").predict(MICRO.largest())
    budget_ms = (2 + _ERROR_OF_SLOW) * quick_ms  # enough for twice as slow, not for a fifth more
    plans = plan_searches(["quick", "slow"], [Limits(latency_ms=budget_ms)], str(tmp_path / "found"))
    result = functools.partial(SearchResult, predicted_std=0.01, costs={}, limits={})
    large = result(MICRO.largest(), 0.9, reported=AccuracyCount((40, 41), (50, 50)))
    small = result(MICRO.smallest(), 0.6, reported=AccuracyCount((30, 30), (50, 50)))

    text = compare_devices(run, plans, [large, small], SearchSettings())
    assert text is not None
    heading, _, on_quick, on_slow = text.splitlines()
    assert heading == "--- archs of one device on another: predicted latencies, reported accuracies"
    assert f"81.00% in {quick_ms:.3g} ms" in on_quick
    assert "60.00% in" in on_quick
    assert "(-21.00 points)" in on_quick
    assert f"81.00% in {2 * quick_ms:.3g} ms (+21.00 points)" in on_slow

    cautious = compare_devices(run, plans, [large, small], SearchSettings(confidence=0.5))
    assert cautious is not None
    assert f"too slow: {2 * quick_ms:.3g} ms" in cautious.splitlines()[-1]
    assert "too slow" not in cautious.splitlines()[-2]


def test_each_latency_table_of_a_device_is_compared_by_its_own_model(run: Run, tmp_path: Path) -> None:
    own = LatencyTable.load(run.latency_table_path("quick"), MICRO)
    assert own.calibration is not None
    other = tmp_path / "thrice.json"
    dataclasses.replace(own, calibration={**own.calibration, "scale": 3.0}).save(other)
    quick_ms = run.latency_model("quick").predict(MICRO.largest())
    limits = [Limits(latency_ms=2 * quick_ms)]
    plans = plan_searches(["quick"], limits, str(tmp_path / "found"), ["", str(other)])
    result = SearchResult(MICRO.largest(), 0.9, 0.01, costs={}, limits={})

    text = compare_devices(run, plans, [result, result], SearchSettings(num_finalists=0))
    assert text is not None
    columns, on_own, on_other = text.splitlines()[1:]
    assert re.split(r"  +", columns.strip())[2:] == ["arch of quick", "arch of quick thrice"]
    assert on_own.startswith("quick  ")
    assert on_own.count(f"90.00% in {quick_ms:.3g} ms") == 2
    assert on_other.startswith("quick thrice  ")
    assert on_other.count(f"too slow: {3 * quick_ms:.3g} ms") == 2


def test_a_latency_table_of_another_number_of_classes_is_refused(run: Run) -> None:
    path = run.latency_table_path("quick")
    table = LatencyTable.load(path, MICRO)
    dataclasses.replace(table, num_classes=77).save(path)
    with pytest.raises(InputError, match=f"with {table.num_classes} classes, as the supernet has. Received: one of 77"):
        run.latency_model("quick")
    assert run.find_latency_model("quick") is None
    assert run.find_latency_model("quick", "int8") is None


def test_predicted_accuracies_are_said_to_be_such(run: Run, tmp_path: Path) -> None:
    plans = plan_searches(["quick", "slow"], [Limits(latency_ms=9)], str(tmp_path / "found"))
    result = SearchResult(MICRO.largest(), 0.9, 0.01, costs={}, limits={})
    text = compare_devices(run, plans, [result, result], SearchSettings(num_finalists=0))
    assert text is not None
    assert text.startswith("--- archs of one device on another: predicted latencies, and accuracies that are predicted")
    assert "90.00%" in text


def test_there_is_nothing_to_compare_for_one_device_or_without_latencies(run: Run, tmp_path: Path) -> None:
    result = SearchResult(MICRO.largest(), 0.9, 0.01, costs={}, limits={})
    one = plan_searches(["quick"], [Limits(latency_ms=9), Limits(latency_ms=8)], str(tmp_path / "found"))
    assert compare_devices(run, one, [result, result], SearchSettings()) is None
    of_macs = plan_searches(["quick", "slow"], [Limits(macs=1e9)], str(tmp_path / "found"))
    assert compare_devices(run, of_macs, [result, result], SearchSettings()) is None
