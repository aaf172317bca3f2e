import numpy as np
import pytest

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.shipped_accuracy import correct_table
from tests.support.accuracies import table_of
from tests.support.spaces import MICRO


def test_a_table_is_lowered_by_the_mean_loss_of_archs_from_all_along_it() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 30)
    genes = np.unique(MICRO.canonical_genes(genes), axis=0)
    top1 = np.linspace(0.5, 0.8, len(genes))
    table = table_of(MICRO, genes, top1, (1000, 1000))
    measured: list[Arch] = []
    loss_of = {0: 0.01, 1: 0.02, 2: 0.06}

    def measure(arch: Arch) -> AccuracyCount:
        row = MICRO.encode(arch).tolist()
        own = table.top1[genes.tolist().index(row)] - loss_of[len(measured)]
        measured.append(arch)
        half = round(1000 * own)
        return AccuracyCount((half, half), (1000, 1000))

    corrected, loss = correct_table(table, measure, 3)
    assert [genes.tolist().index(MICRO.encode(arch).tolist()) for arch in measured] == [
        0,
        round((len(genes) - 1) / 2),
        len(genes) - 1,
    ]
    assert loss == pytest.approx(0.03, abs=2e-3)
    as_measured = [0, round((len(genes) - 1) / 2), len(genes) - 1]
    others = np.setdiff1d(np.arange(len(genes)), as_measured)
    np.testing.assert_allclose(corrected.top1[others], table.top1[others] - loss, atol=1e-3)
    np.testing.assert_allclose(corrected.top1[as_measured], table.top1[as_measured] - [0.01, 0.02, 0.06], atol=1e-3)
    np.testing.assert_array_equal(corrected.genes, table.genes)
    assert np.flatnonzero(~corrected.is_corrected).tolist() == as_measured
    assert corrected.correction is not None
    assert corrected.correction.std == pytest.approx(np.std([0.01, 0.02, 0.06], ddof=1), abs=2e-3)


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
