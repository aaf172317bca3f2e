import collections
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Measurement
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.pieces import distinct_pieces
from ofa_tf.latency.table_builder import TABLE_SETTINGS, build_latency_table
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.formula_device import piece_models

W10 = get_search_space("mobilenet_v3_w1.0")


def test_every_block_of_a_random_subnet_is_a_piece(space: SearchSpace) -> None:
    pieces = {piece.key: sizes for piece, sizes in distinct_pieces(space, space.image_sizes)}
    assert len(pieces) == 3 + 5 * 2 * 9  # stem, first block, head; five stages, first and other blocks, nine choices
    rng = np.random.default_rng(0)
    for _ in range(20):
        arch = space.sample(rng)
        assert {part.latency_key for part in space.plain_parts(arch).values()} <= set(pieces)


def test_input_sizes_follow_the_strides() -> None:
    sizes = list(W10.input_sizes(132).values())
    assert sizes == [132, 66, 66] + [33] * 4 + [17] * 4 + [9] * 8 + [5] * 4
    deep = get_search_space("resnet50d").input_sizes(132)
    assert [deep[name] for name in ("stem", "stage1_block1", "stage2_block1", "head")] == [132, 33, 33, 5]


def test_overhead_is_taken_off_every_entry(table: LatencyTable, formula_device: Any) -> None:
    assert table.overhead_ms == 0.25
    for key, row in table.entries.items():
        for size, latency_ms in row.items():
            assert latency_ms == pytest.approx(formula_device.piece_ms(key, size))
    assert sorted(table.entries["stem"]) == [24, 32, 40]
    assert sorted(table.entries["head_in80"]) == [3, 4, 5]


def test_pieces_are_measured_one_run_a_round_and_once_per_size(table: LatencyTable, formula_device: Any) -> None:
    assert (formula_device.settings.warmup_runs, formula_device.settings.num_runs) == (0, 1)
    names = collections.Counter(model.name for model in formula_device.models)
    assert len(names) == 1 + sum(len(row) for row in table.entries.values())
    anchors = [name for name, count in names.items() if count > 1]  # in every part
    assert len(anchors) == 8
    assert {names[name] for name in anchors} == {-(-len(names) // 96)}


def test_few_of_many_image_sizes_are_measured_and_the_others_interpolated(formula_device: Any) -> None:
    table = build_latency_table(piece_models(W10, 10), formula_device)
    assert table.image_sizes == (128, 176, 224)
    for size in (130, 164, 220):
        assert table.latency_ms("stem", size) == pytest.approx(formula_device.piece_ms("stem", size))


def test_progress_reaches_its_end(space: SearchSpace, formula_device: Any) -> None:
    steps: list[tuple[int, int]] = []
    build_latency_table(
        piece_models(space, 10), formula_device, on_progress=lambda done, total: steps.append((done, total))
    )
    assert steps == sorted(steps)
    assert steps[-1] == (len({model.name for model in formula_device.models}),) * 2


def test_progress_does_not_run_backwards_when_a_device_repeats(space: SearchSpace, formula_device: Any) -> None:
    measure, steps = formula_device.measure, []

    def repeat(models: Any, settings: Any, on_progress: Any) -> list[Measurement]:
        for done, total in ((1, 2), (2, 2), (3, 4), (4, 4)):
            on_progress(done, total)
        return measure(models, settings)

    formula_device.measure = repeat
    build_latency_table(piece_models(space, 10), formula_device, on_progress=lambda done, total: steps.append(done))
    assert steps == sorted(steps)
    assert {48, 95} <= set(steps)  # half of a part; all but what is not kept yet


def test_a_failing_piece_is_named(space: SearchSpace, formula_device: Any) -> None:
    formula_device.failing = "head"
    with pytest.raises(InputError, match=r"device 'formula'. Received: head_in80@\d: it broke"):
        build_latency_table(piece_models(space, 10), formula_device)


def test_a_table_whose_device_is_lost_goes_on_where_it_was(
    space: SearchSpace, table: LatencyTable, formula_device: Any, tmp_path: Path
) -> None:
    path, measure, calls = tmp_path / "table.part.json", formula_device.measure, []

    def lost_in_the_third_part(*arguments: Any) -> list[Measurement]:
        calls.append(arguments)
        if len(calls) == 3:
            raise InputError("the phone is gone")
        return measure(*arguments)

    formula_device.measure = lost_in_the_third_part
    with pytest.raises(InputError, match=r"the phone is gone What was measured of \d+ pieces is kept: the same "):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)
    formula_device.models.clear()
    assert build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path) == table
    assert len(formula_device.models) < 0.6 * sum(len(row) for row in table.entries.values())
    formula_device.models.clear()  # the file stays until the caller has the table in safety: all is known
    longer = dataclasses.replace(TABLE_SETTINGS, time_limit_s=1e4)
    again = build_latency_table(piece_models(space, 10), formula_device, settings=longer, unfinished_path=path)
    assert again.entries == table.entries
    assert not formula_device.models


def test_a_part_whose_anchors_did_not_run_is_not_taken_over(
    space: SearchSpace, table: LatencyTable, formula_device: Any
) -> None:
    measure, calls = formula_device.measure, []

    def loses_its_anchors(*arguments: Any) -> list[Measurement]:
        calls.append(arguments)
        measurements = measure(*arguments)
        if len(calls) == 2:
            measurements[:8] = [dataclasses.replace(row, latency_ms=None, error="no time") for row in measurements[:8]]
        return measurements

    formula_device.measure = loses_its_anchors
    with pytest.raises(InputError, match=r"none of its anchors ran: no time \(and \d+ more failures\)"):
        build_latency_table(piece_models(space, 10), formula_device)


def test_a_device_that_is_slower_the_next_day_gives_the_same_table(
    space: SearchSpace, table: LatencyTable, formula_device: Any
) -> None:
    measure, calls = formula_device.measure, []

    def ever_slower(*arguments: Any) -> list[Measurement]:
        calls.append(arguments)
        return [
            dataclasses.replace(measurement, latency_ms=measurement.latency_ms * 1.1 ** len(calls))
            for measurement in measure(*arguments)
        ]

    formula_device.measure = ever_slower
    slower = build_latency_table(piece_models(space, 10), formula_device)
    assert len(calls) > 2
    for key, row in table.entries.items():
        assert slower.entries[key] == pytest.approx({size: 1.1 * latency_ms for size, latency_ms in row.items()})


def _interrupted(space: SearchSpace, device: Any, path: Path) -> None:
    """Leaves a part of a table, without the pieces that fail."""
    device.failing = "head"
    with pytest.raises(InputError, match="it broke"):
        build_latency_table(piece_models(space, 10), device, unfinished_path=path)
    device.failing = ""
    device.models.clear()


def test_a_piece_that_failed_is_measured_by_the_next_call(
    space: SearchSpace, table: LatencyTable, formula_device: Any, tmp_path: Path
) -> None:
    path = tmp_path / "table.part.json"
    _interrupted(space, formula_device, path)
    assert build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path) == table
    names = {model.name.split("@")[0] for model in formula_device.models}
    assert "head_in80" in names
    assert len(formula_device.models) < 40  # what failed, and some others to know the pace


def test_a_part_of_other_circumstances_is_refused_and_kept(
    space: SearchSpace, formula_device: Any, tmp_path: Path
) -> None:
    path = tmp_path / "table.part.json"
    _interrupted(space, formula_device, path)
    before = path.read_bytes()
    with pytest.raises(
        InputError,
        match=r"^Expected .*same circumstances. Received: num_classes=10 \(now 11\). Delete it to begin again, or name",
    ):
        build_latency_table(piece_models(space, 11), formula_device, unfinished_path=path)
    formula_device.describe = lambda: DeviceFacts(device="formula", abi="stone")
    with pytest.raises(InputError, match=r"^Expected .*Received: device.abi='paper' \(now 'stone'\). Delete it"):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)
    assert path.read_bytes() == before
    formula_device.describe = lambda: DeviceFacts(device="formula", abi="paper", cpu_mask="f")
    with pytest.raises(InputError, match=r"^Expected .*Received: device.cpu_mask=None \(now 'f'\). Delete it"):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)
    # An older part knows nothing of it, but None was asked for then, too; and it tells how the device was reached.
    document = json.loads(before)
    document["facts"]["device"]["device"] = "formula"
    del document["facts"]["device"]["cpu_mask"]
    path.write_text(json.dumps(document))
    formula_device.describe = lambda: DeviceFacts(device="formula", abi="paper")
    build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)


def test_the_part_of_a_phone_is_continued_however_it_is_reached(
    space: SearchSpace, table: LatencyTable, formula_device: Any, tmp_path: Path
) -> None:
    path = tmp_path / "table.part.json"
    facts = {"model": "Pixel", "hardware_serial": "123"}
    formula_device.describe = lambda: DeviceFacts(device="adb:192.0.2.7:5555", serial="192.0.2.7:5555", **facts)
    _interrupted(space, formula_device, path)
    formula_device.describe = lambda: DeviceFacts(device="adb", serial="ABC", **facts)
    found = build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)
    assert found.entries == table.entries
    formula_device.describe = lambda: DeviceFacts(device="adb", serial="ABC", **(facts | {"hardware_serial": "124"}))
    with pytest.raises(InputError, match=r"Received: device.hardware_serial='123' \(now '124'\)"):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)


@pytest.mark.parametrize("latencies", ['[["stem", 24]]', '[["stem", "x", 1]]', "7"])
def test_a_damaged_part_is_named(space: SearchSpace, formula_device: Any, tmp_path: Path, latencies: str) -> None:
    path = tmp_path / "table.part.json"
    _interrupted(space, formula_device, path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "latencies_ms": json.loads(latencies)}))
    with pytest.raises(InputError, match=r"part.json to hold latencies of pieces. Received: .*Delete it to begin"):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)


@pytest.mark.parametrize("facts", [7, {}, {"device": 7}])
def test_a_part_with_damaged_facts_is_named(
    space: SearchSpace, formula_device: Any, tmp_path: Path, facts: Any
) -> None:
    path = tmp_path / "table.part.json"
    _interrupted(space, formula_device, path)
    document = json.loads(path.read_text())
    changed = {**document["facts"], **facts} if isinstance(facts, dict) and facts else facts
    path.write_text(json.dumps({**document, "facts": changed}))
    with pytest.raises(InputError, match=r"part.json to hold latencies of pieces. Received: .*Delete it to begin"):
        build_latency_table(piece_models(space, 10), formula_device, unfinished_path=path)


def test_doubtful_pieces_and_the_conditions_of_each_part_are_named_in_the_table(
    space: SearchSpace, formula_device: Any, tmp_path: Path
) -> None:
    measure = formula_device.measure
    heat = iter(range(100))
    names: set[str] = set()

    def measure_on_a_phone(*arguments: Any) -> list[Measurement]:
        facts = {"before": {"battery_celsius": next(heat)}, "after": {"battery_celsius": next(heat)}}
        names.update(model.name for model in arguments[0])
        return [
            dataclasses.replace(row, device=row.device | facts, doubt="it was hot" if row.model == "stem@32" else None)
            for row in measure(*arguments)
        ]

    formula_device.measure = measure_on_a_phone
    table = build_latency_table(piece_models(space, 10), formula_device)
    assert table.doubts == table.doubts_of_pieces == {"stem@32": "it was hot"}
    with_overhead = dataclasses.replace(table, doubts={"overhead@1": "it was hot"})
    assert with_overhead.doubts_of_pieces == {}
    assert table.num_pieces == len(names - {"overhead@1"})
    assert [condition["before"]["battery_celsius"] for condition in table.conditions] == [0, 2, 4]
    assert not {"before", "after"} & set(table.device)
    table.save(tmp_path / "t.json")
    assert LatencyTable.load(tmp_path / "t.json") == table


def test_sizes_outside_the_measured_range_are_refused(space: SearchSpace, formula_device: Any) -> None:
    table = build_latency_table(piece_models(space, 10), formula_device, image_sizes=[36, 28])
    assert table.image_sizes == (28, 36)
    with pytest.raises(InputError, match=r"measured range 28\.\.36 of the latency table of .*\. Received: 40"):
        table.check_image_size(40)
    with pytest.raises(
        InputError,
        match=r"input size of stem in the measured range 28\.\.36 of the .*\. Received: 24",
    ):
        table.latency_ms("stem", 24)
    with pytest.raises(InputError, match=r"latency table of mobilenet_v3_tiny to have the piece 'k9'. Received: no"):
        table.latency_ms("k9", 24)
    with pytest.raises(InputError, match=r"Received: \[0\]"):
        build_latency_table(piece_models(space, 10), formula_device, image_sizes=[0])


def test_table_survives_the_file(table: LatencyTable, space: SearchSpace, tmp_path: Path) -> None:
    table = dataclasses.replace(table, calibration={"scale": 1.1, "exponent": 1.05})
    table.save(tmp_path / "t.json")
    loaded = LatencyTable.load(tmp_path / "t.json", space)
    assert loaded == table
    assert loaded.path == tmp_path / "t.json"
    assert "path" not in json.loads((tmp_path / "t.json").read_text())


def test_table_of_another_space_or_device_is_refused(table: LatencyTable, space: SearchSpace, tmp_path: Path) -> None:
    table.save(tmp_path / "t.json")
    with pytest.raises(InputError, match=r"'mobilenet_v3_w1\.0'. Received: one of 'mobilenet_v3_tiny'\."):
        LatencyTable.load(tmp_path / "t.json", W10)
    with pytest.raises(InputError, match=r"Received: one of 'mobilenet_v3_tiny' as it was earlier"):
        LatencyTable.load(tmp_path / "t.json", dataclasses.replace(space, stem_stride=1))
    table.check_device({"device": "formula", "num_threads": 1, "os_build": "newer"})
    with pytest.raises(InputError, match=r"\(num_threads=1\). Received: num_threads=4"):
        table.check_device({"device": "formula", "num_threads": 4})


@pytest.mark.parametrize(
    ("num_pieces", "num_networks", "is_doubtful"), [(0, 0, False), (3, 1, False), (None, 0, True), (0, 5, True)]
)
def test_a_table_is_doubtful_where_most_of_what_it_is_made_of_is(
    num_pieces: int | None, num_networks: int, is_doubtful: bool, table: LatencyTable
) -> None:
    names = [f"{key}@{size}" for key, row in table.entries.items() for size in row]
    archs = [table.space.smallest().to_dict()] * 4
    calibration = {
        "archs": archs,
        "held_out": {"archs": archs},
        "doubts": [f"network {number}: others were busy" for number in range(num_networks)],
    }
    doubts = dict.fromkeys(names[:num_pieces], "others were busy")
    found = dataclasses.replace(table, doubts=doubts, calibration=calibration).doubt
    assert (found is not None) == is_doubtful
    if found is not None:
        assert f"latencies of {len(doubts)} of {len(names)} pieces and of {num_networks} of 8 networks were" in found
        assert found.endswith("others were busy; measure it again when nothing else runs there")


@pytest.mark.parametrize("latency_ms", [float("nan"), float("inf"), -0.5])
@pytest.mark.parametrize("place", ["overhead_ms", "stem"])
def test_a_latency_that_is_none_is_named(table: LatencyTable, tmp_path: Path, place: str, latency_ms: float) -> None:
    path = tmp_path / "t.json"
    table.save(path)
    document = json.loads(path.read_text())
    if place == "overhead_ms":
        document["overhead_ms"] = latency_ms
    else:
        document["entries"]["stem"]["32"] = latency_ms
    path.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match=rf"latencies in .*t\.json to be numbers of at least 0\. .*: {latency_ms} for {place}"
    ):
        LatencyTable.load(path)


def test_an_overhead_that_is_no_number_is_named(table: LatencyTable, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    table.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "overhead_ms": "a"}))
    with pytest.raises(InputError, match="Received: 'a' for overhead_ms"):
        LatencyTable.load(path)


def test_incomplete_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"schema": "ofa_tf/latency_table/1"}')
    with pytest.raises(InputError, match=r"t\.json to be a complete latency table. Received: KeyError\('space'\)"):
        LatencyTable.load(tmp_path / "t.json")
    with pytest.raises(InputError, match=r"no such file. Write one with tools/build_latency_table\.py"):
        LatencyTable.load(tmp_path / "none.json")
