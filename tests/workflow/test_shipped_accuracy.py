import shutil
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.data.shares import REPORT_SHARE, SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow import shipped_accuracy
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings
from ofa_tf.workflow.shipped_accuracy import correct_table, measure_as_shipped
from tests.support.accuracies import table_of
from tests.support.repository import FIXTURES
from tests.support.spaces import MICRO


def _table(top1: np.ndarray) -> AccuracyTable:
    """Of random archs, in ascending order of their genes."""
    genes = MICRO.canonical_genes(MICRO.sample_genes(np.random.default_rng(0), 200))
    return table_of(MICRO, np.unique(genes, axis=0)[: len(top1)], top1, (1000, 1000))


class _Losing:
    """Measures archs of a table, each of which loses something of its own.

    Args:
        table: Float accuracies.
        losses: Of each row.
    """

    def __init__(self, table: AccuracyTable, losses: np.ndarray) -> None:
        self._table = table
        self._losses = losses
        self.measured_rows: list[int] = []

    def __call__(self, arch: Arch) -> AccuracyCount:
        row = self._table.genes.tolist().index(MICRO.encode(arch).tolist())
        self.measured_rows.append(row)
        half = round(1000 * (self._table.top1[row] - self._losses[row]))
        return AccuracyCount((half, half), (1000, 1000))


def test_a_table_is_lowered_by_the_mean_loss_of_archs_from_all_along_its_better_half() -> None:
    table = _table(np.linspace(0.5, 0.8, 31))
    losses = np.zeros(31)
    losses[[15, 23, 30]] = [0.01, 0.02, 0.06]
    measure = _Losing(table, losses)
    corrected, loss = correct_table(table, measure, 3)
    assert measure.measured_rows == [15, 23, 30]
    assert loss == pytest.approx(0.03, abs=2e-3)
    others = np.setdiff1d(np.arange(31), [15, 23, 30])
    np.testing.assert_allclose(corrected.top1[others], table.top1[others] - loss, atol=1e-3)
    np.testing.assert_allclose(corrected.top1[[15, 23, 30]], (table.top1 - losses)[[15, 23, 30]], atol=1e-3)
    np.testing.assert_array_equal(corrected.genes, table.genes)
    assert np.flatnonzero(~corrected.is_computed).tolist() == [15, 23, 30]
    assert corrected.correction is not None
    assert corrected.correction.std == pytest.approx(np.std([0.01, 0.02, 0.06], ddof=1), abs=2e-3)


def test_losses_that_grow_with_the_accuracy_are_taken_to_grow() -> None:
    table = _table(np.linspace(0.5, 0.8, 31))
    losses = np.linspace(0, 0.06, 31)
    corrected, _ = correct_table(table, _Losing(table, losses), 8)
    np.testing.assert_allclose(corrected.top1, table.top1 - losses, atol=2e-3)
    assert corrected.correction is not None
    assert corrected.correction.std < 1e-3


def test_losses_that_do_not_grow_are_hardly_taken_to_grow() -> None:
    table = _table(np.linspace(0.5, 0.8, 31))
    slopes = []
    for seed in range(50):
        losses = 0.03 + 0.01 * np.random.default_rng(seed).normal(size=31)
        corrected, loss = correct_table(table, _Losing(table, losses), 8)
        slopes.append((table.top1[0] - corrected.top1[0] - loss) / (table.top1[0] - table.top1[[22, 23]].mean()))
    by_least_squares = 0.01 / (np.sqrt(8) * 0.05)
    assert np.std(slopes) < 0.75 * by_least_squares
    assert np.median(np.abs(slopes)) < 0.3 * by_least_squares


def test_all_of_a_small_table_may_be_measured() -> None:
    table = _table(np.linspace(0.5, 0.8, 12))
    measure = _Losing(table, np.full(12, 0.02))
    corrected, _ = correct_table(table, measure, 20)
    assert measure.measured_rows == list(range(12))
    assert not corrected.is_computed.any()


def test_accuracies_stay_possible() -> None:
    genes = MICRO.encode([MICRO.largest(), MICRO.smallest()])
    table = table_of(MICRO, genes, np.array([0.01, 0.99]), (100, 100))
    corrected, loss = correct_table(table, lambda arch: AccuracyCount((0, 0), (100, 100)), 2)
    assert loss == pytest.approx(0.5)
    np.testing.assert_array_equal(corrected.top1, 0)


def test_of_one_loss_it_is_not_known_how_much_others_differ() -> None:
    genes = np.unique(MICRO.canonical_genes(MICRO.sample_genes(np.random.default_rng(0), 5)), axis=0)
    table = table_of(MICRO, genes, np.full(len(genes), 0.8), (100, 100))
    corrected, loss = correct_table(table, lambda arch: AccuracyCount((75, 75), (100, 100)), 1)
    assert loss == pytest.approx(0.05)
    assert corrected.correction is not None
    assert corrected.correction.std == pytest.approx(0.05)


# --- a real supernet ----------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with an accuracy table."""
    run = Run(shutil.copytree(FIXTURES / "earlier_state", tmp_path_factory.mktemp("shipped") / "run"))
    run.build_accuracy_table(10)
    return run


def _predict_one_by_one(path: Path, images: np.ndarray) -> np.ndarray:
    """Classes by LiteRT's own interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    (returned,) = interpreter.get_output_details()
    scale, zero_point = given["quantization"]
    classes = []
    for image in images:
        tensor = image[np.newaxis]
        if given["dtype"] == np.int8:
            tensor = np.clip(np.rint(tensor / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], tensor)
        interpreter.invoke()
        classes.append(int(interpreter.get_tensor(returned["index"]).argmax()))
    return np.array(classes)


def test_a_subnet_is_measured_as_the_model_that_is_shipped(run: Run, tmp_path: Path) -> None:
    arch = MICRO.smallest()
    path = tmp_path / "smallest.tflite"
    run.export(arch, path, ExportOptions(quantization="int8", max_accuracy_drop=1.0))

    batches = list(run.evaluator.eval_batches(arch.image_size, "validation"))
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    is_right = _predict_one_by_one(path, images) == labels
    run.evaluator.calibrate(MICRO.largest())  # as a search does, which measures one after the other
    for share, of_share in ((SEARCH_SHARE, is_right[0::2]), (REPORT_SHARE, is_right[1::2])):
        first, second = of_share[0::2], of_share[1::2]
        expected = AccuracyCount((int(first.sum()), int(second.sum())), (len(first), len(second)))
        assert measure_as_shipped(run.evaluator, arch, share, ModelForm.of_names("int8")) == expected


def test_a_search_for_an_int8_model_measures_such_models_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(macs=1e9)
    settings = SearchSettings("int8", EvolutionSettings(20, 10), num_finalists=1, num_shipped_archs=2)
    found = run.search(limits, settings=settings)
    assert (found.precision, found.accuracy_precision, found.device) == ("int8", "int8", None)

    chosen = AccuracyTable.load(run.search_measurements_path(SEARCH_SHARE, "int8", run.network_id), MICRO)
    reported = AccuracyTable.load(run.search_measurements_path(REPORT_SHARE, "int8", run.network_id), MICRO)
    measured = dict(zip(MICRO.decode(chosen.genes), chosen.top1.tolist(), strict=True))
    assert found.measured_top1 == measured[found.arch]
    assert MICRO.decode(reported.genes) == [found.arch]
    assert (chosen.split, reported.split) == (SEARCH_SHARE, REPORT_SHARE)
    assert (
        found.reported
        == reported.measurement(0)
        == measure_as_shipped(run.evaluator, found.arch, "report", ModelForm.of_names("int8"))
    )
    # The least and the most accurate arch of the better half of the table correct the others.
    table = run.accuracy_table()
    by_accuracy = MICRO.decode(MICRO.canonical_genes(table.genes[np.argsort(table.top1, kind="stable")]))
    assert {by_accuracy[5], by_accuracy[-1]} <= set(measured)
    assert not run.search_measurements_path(SEARCH_SHARE, "float32", run.network_id).exists()

    def refuse(*arguments: object) -> AccuracyCount:
        raise AssertionError(arguments)

    monkeypatch.setattr(shipped_accuracy, "measure_as_shipped", refuse)
    again = run.search(limits, settings=settings)
    assert again.notes() == found.notes()
