import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.pieces import OVERHEAD
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.rounding import out_size
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.formula_device import piece_models


def _slow_sum(space: SearchSpace, table: LatencyTable, arch: Arch) -> float:
    """The obvious way: walk through the network, adding up."""
    total, size = table.overhead_ms, arch.image_size
    for part in space.plain_parts(arch).values():
        total += table.latency_ms(part.latency_key, size)
        size = out_size(size, *part.strides)
    return total


@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "mobilenet_v3_w1.0", "proxyless_w1.3", "resnet50d"])
def test_prediction_is_a_power_of_the_sum_over_the_parts(name: str, formula_device: Any) -> None:
    space = get_search_space(name)
    table = build_latency_table(piece_models(space, 10), formula_device)
    genes = space.sample_genes(np.random.default_rng(0), 40)
    model = LatencyModel(space, table, scale=1.25, exponent=1.1)
    expected = [1.25 * _slow_sum(space, table, arch) ** 1.1 for arch in space.decode(genes)]
    np.testing.assert_allclose(model.predict(genes), expected, rtol=1e-12)
    assert model.predict(space.decode_one(genes[0])) == pytest.approx(expected[0])
    assert isinstance(model.predict(genes[0]), float)


def test_the_parts_of_a_network_take_its_latency_together(space: SearchSpace, table: LatencyTable) -> None:
    arch = space.smallest(image_size=28)  # between two image sizes that were measured
    model = LatencyModel(space, table, scale=1.25, exponent=1.1)
    times_ms = model.latency_by_part(arch)
    assert list(times_ms) == [OVERHEAD, *space.plain_parts(arch)]
    assert sum(times_ms.values()) == pytest.approx(model.predict(arch))
    stem = space.plain_parts(arch)["stem"]
    ratio = table.latency_ms(stem.latency_key, 28) / table.overhead_ms
    assert times_ms["stem"] / times_ms[OVERHEAD] == pytest.approx(ratio)


def test_images_that_are_not_normalised_take_the_stem_s_piece_of_their_type(
    space: SearchSpace, formula_device: Any
) -> None:
    models = dataclasses.replace(piece_models(space, 10), input_types=("normalized", "uint8"))
    table = build_latency_table(models, formula_device)
    arch = space.largest()
    stem = space.plain_parts(arch)["stem"]
    of_pixels_ms = table.latency_ms(f"{stem.latency_key}_uint8", arch.image_size)
    more_ms = of_pixels_ms - table.latency_ms(stem.latency_key, arch.image_size)
    assert more_ms != 0
    usual_ms = LatencyModel(space, table).predict(arch)
    of_pixels = LatencyModel(space, table, input_type="uint8")
    assert of_pixels.predict(arch) == pytest.approx(usual_ms + more_ms)
    assert sum(of_pixels.latency_by_part(arch).values()) == pytest.approx(usual_ms + more_ms)


def test_a_table_without_pieces_of_such_images_is_told(space: SearchSpace, table: LatencyTable) -> None:
    with pytest.raises(InputError, match=r"to have the piece 'stem_uint8'. Received: no such piece. Build it again"):
        LatencyModel(space, table, input_type="uint8").predict(space.largest())


def test_entries_of_skipped_blocks_do_not_matter(space: SearchSpace, table: LatencyTable) -> None:
    genes = np.zeros((2, space.num_genes), np.int32)
    genes[1, space.layout.of_field("kernel_sizes").start + 3] = 2  # the fourth block of a stage of depth 2
    first, second = LatencyModel(space, table).predict(genes)
    assert first == second


def test_calibration_finds_scale_and_exponent_despite_an_outlier(space: SearchSpace, table: LatencyTable) -> None:
    archs = [space.sample(np.random.default_rng(seed)) for seed in range(9)]
    plain = LatencyModel(space, table)
    measured = [1.3 * plain.predict(arch) ** 1.1 for arch in archs]
    measured[4] *= 1.5
    fitted = plain.calibrate(archs, measured)
    assert fitted.scale == pytest.approx(1.3, rel=0.03)
    assert fitted.exponent == pytest.approx(1.1, abs=0.02)
    report = fitted.evaluate(archs[:4] + archs[5:], measured[:4] + measured[5:])
    assert report["mape"] < 0.02
    assert report["within_5_percent"] == 1
    assert report["rank_correlation"] == pytest.approx(1)


def test_measurements_that_follow_no_power_give_a_factor(space: SearchSpace, table: LatencyTable) -> None:
    archs = [space.smallest(24), space.smallest(40), space.largest(24), space.largest(40)]
    fitted = LatencyModel(space, table).calibrate(archs, [4.0, 3.0, 2.0, 1.0])
    assert fitted.exponent == 1
    assert fitted.scale > 0


def test_few_archs_give_a_factor_only(space: SearchSpace, table: LatencyTable) -> None:
    arch = space.largest()
    plain = LatencyModel(space, table)
    fitted = plain.calibrate([arch], [2 * plain.predict(arch)])
    assert (fitted.scale, fitted.exponent) == (pytest.approx(2), 1)


def test_calibration_survives_the_file(space: SearchSpace, table: LatencyTable, tmp_path: Path) -> None:
    archs = [space.smallest(24), space.largest(40)]
    fitted = LatencyModel(space, table).calibrate(archs, [0.5, 4.0])
    fitted.table.save(tmp_path / "t.json")
    loaded = LatencyTable.load(tmp_path / "t.json", space)
    assert LatencyModel(space, loaded).predict(archs[0]) == fitted.predict(archs[0])
    assert [Arch.from_dict(arch) for arch in loaded.calibration["archs"]] == archs
    assert loaded.calibration["measured_ms"] == [0.5, 4.0]
    assert loaded.calibration["report"]["num_archs"] == 2


def test_a_calibration_of_an_earlier_version_is_refused(space: SearchSpace, table: LatencyTable) -> None:
    old = dataclasses.replace(table, calibration={"slope": 1.0, "intercept_ms": 0.1})
    with pytest.raises(InputError, match=r"Received: intercept_ms, slope\. Build the table again"):
        LatencyModel(space, old)


def test_unusable_measurements_are_refused(space: SearchSpace, table: LatencyTable) -> None:
    model = LatencyModel(space, table)
    with pytest.raises(InputError, match=r"Received: 1 archs and latencies of shape \(2,\)"):
        model.calibrate([space.smallest()], [1, 2])
    with pytest.raises(InputError, match=r"Received: 0 archs"):
        model.evaluate([], [])
    with pytest.raises(InputError, match=r"to be positive. Received: \[0\.0\]"):
        model.calibrate([space.smallest()], [0])


def test_table_of_another_space_is_refused(table: LatencyTable) -> None:
    with pytest.raises(InputError, match=r"'mobilenet_v3_w1\.0'. Received: one of 'mobilenet_v3_tiny'"):
        LatencyModel(get_search_space("mobilenet_v3_w1.0"), table)


def test_image_size_outside_the_measured_range_is_refused(space: SearchSpace, formula_device: Any) -> None:
    table = build_latency_table(piece_models(space, 10), formula_device, image_sizes=[28, 36])
    model = LatencyModel(space, table)
    assert model.predict(space.largest(32)) > 0
    with pytest.raises(InputError, match=r"measured range 28\.\.36 of the latency table of .*\. Received: 40"):
        model.predict(space.largest(40))


def test_one_arch_several_archs_and_genes_are_predicted_alike(space: SearchSpace, table: LatencyTable) -> None:
    model = LatencyModel(space, table)
    archs = [space.smallest(), space.largest()]
    both = model.predict(archs)
    assert both.shape == (2,)
    assert both.tolist() == [model.predict(arch) for arch in archs] == model.predict(space.encode(archs)).tolist()
    with pytest.raises(InputError, match="Expected an arch of the search space"):
        model.predict([dataclasses.replace(archs[0], space="another")])


def checked_model(space: SearchSpace, table: LatencyTable, errors: list[float]) -> tuple[LatencyModel, list[Arch]]:
    """A model with held-out networks that are slower than predicted by these shares."""
    archs = space.decode(space.sample_genes(np.random.default_rng(5), len(errors)))
    predicted_ms = [LatencyModel(space, table, 1.0, 1.0).predict(arch) for arch in archs]
    measured_ms = [(1 + error) * latency_ms for error, latency_ms in zip(errors, predicted_ms, strict=True)]
    held_out = {"archs": [arch.to_dict() for arch in archs], "measured_ms": measured_ms, "report": {}}
    calibration = {"scale": 1.0, "exponent": 1.0, "held_out": held_out}
    return LatencyModel(space, dataclasses.replace(table, calibration=calibration)), archs


def test_the_margin_is_a_quantile_of_the_errors_of_held_out_networks(space: SearchSpace, table: LatencyTable) -> None:
    errors = [0.02, -0.03, 0.10, 0.01, 0.04, -0.01, 0.05, 0.03, 0.06]
    model, _ = checked_model(space, table, errors)

    assert model.margin(0.9) == pytest.approx(0.10)  # the largest of nine: one in ten further ones is beyond it
    assert model.margin(0.8) == pytest.approx(0.06)
    assert model.margin(0.81) == pytest.approx(0.10)
    assert model.margin(0.1) == 0  # a network is never said to be faster than predicted


def test_margins_do_not_depend_on_what_images_are_taken(space: SearchSpace, formula_device: Any) -> None:
    """Tables are checked on networks that take normalised images."""
    models = dataclasses.replace(piece_models(space, 10), input_types=("normalized", "uint8"))
    model, _ = checked_model(space, build_latency_table(models, formula_device), [0.1, -0.1, 0.2])
    of_pixels = LatencyModel(space, model.table, input_type="uint8")
    assert of_pixels.margin(0.75) == model.margin(0.75)


def test_bounds_hold_as_often_as_they_say(space: SearchSpace, table: LatencyTable) -> None:
    rng = np.random.default_rng(0)
    is_kept = []
    for _ in range(60):
        model, _ = checked_model(space, table, list(rng.normal(0, 0.05, 19)))
        further = rng.normal(0, 0.05, 200)
        is_kept.append(np.mean(further <= model.margin(0.9)))
    assert 0.88 < np.mean(is_kept) < 0.94


def test_too_few_held_out_networks_make_nobody_sure(space: SearchSpace, table: LatencyTable) -> None:
    model, _ = checked_model(space, table, [0.01] * 4)
    assert model.margin(0.8) == pytest.approx(0.01)
    with pytest.raises(InputError, match=r"at least 9 held-out .*Received: 4, which are enough for 0\.8\. Call tools/"):
        model.margin(0.9)
    two, _ = checked_model(space, table, [0.01] * 2)
    # Two thirds, rounded down: who asks for what is named is not refused again.
    advice = r"Received: 2, which .* for 0\.666\. .* as for this table \(formula, float32\), with --num_held_out=9, or"
    with pytest.raises(InputError, match=advice):
        two.margin(0.9)
    assert two.margin(0.666) == pytest.approx(0.01)
    with pytest.raises(InputError, match=r"Expected the latency table of .* to be calibrated .* checked on others"):
        LatencyModel(space, table).margin(0.9)
    with pytest.raises(InputError, match=r"Received: 0, which are enough for 0\."):
        checked_model(space, table, [])[0].margin(0.5)


def _emptied(table: LatencyTable, what: str) -> LatencyTable:
    """A table of which somebody has cut something out."""
    entries = {key: dict(row) for key, row in table.entries.items()}
    calibration = {"scale": 1.0, "exponent": 1.0}
    if what == "piece":
        del entries["stem"]
    if what == "sizes":
        entries["stem"] = {}
    if what == "size":
        del entries["stem"][24]
    if what == "calibration":
        calibration = {}
    return dataclasses.replace(table, entries=entries, calibration=calibration)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("piece", "Expected {} to have the piece 'stem'. Received: no such piece. Build it again with "),
        ("sizes", "Expected {} to have sizes of the piece 'stem'. Received: none. Build it again with "),
        ("size", "Expected an input size of stem in the measured range 32..40 of {}. Received: 24. Build it again"),
        ("calibration", "Expected the calibration of {} to have a scale and an exponent. Received: nothing in it. Bu"),
        ("networks", "Expected {} to be calibrated on networks, and checked on others. Received: one that was not. "),
    ],
)
def test_what_a_table_lacks_is_told_with_the_name_of_its_file(
    what: str, message: str, space: SearchSpace, table: LatencyTable, tmp_path: Path
) -> None:
    path = tmp_path / "host.json"
    _emptied(table, what).save(path)
    with pytest.raises(InputError, match=f"^{re.escape(message.format(f'the latency table {path}'))}"):
        LatencyModel(space, LatencyTable.load(path)).margin(0.9)


@pytest.mark.parametrize("confidence", [0, 1, 1.5, float("nan")])
def test_a_confidence_is_a_probability(confidence: float, space: SearchSpace, table: LatencyTable) -> None:
    with pytest.raises(InputError, match=r"Expected `confidence` to be between 0 and 1\. Received: confidence="):
        checked_model(space, table, [0.1] * 9)[0].margin(confidence)
