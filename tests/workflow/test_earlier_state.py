"""Files that version 0.1.0 wrote before its folders were ordered anew: they must go on loading.

`tests/fixtures/earlier_state` is a whole workdir of the space `micro`, trained for one epoch on the digits and
stopped in the middle of phase `kernel`, and a fresh supernet of the space `bottlenecks`. Each `expected.json` holds
what that version computed from them.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.networks.saving import load_subnet, load_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import PHASES
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.workflow.run import Run
from tests.support.networks import assert_close
from tests.support.repository import FIXTURES
from tests.support.spaces import BOTTLENECKS, MICRO

EARLIER = FIXTURES / "earlier_state"


def read_expected(folder: Path) -> dict[str, Any]:
    expected = json.loads((folder / "expected.json").read_text())
    return {**expected, "arch": Arch.from_dict(expected["arch"])}


def images_of(expected: dict[str, Any]) -> np.ndarray:
    size = expected["arch"].image_size
    return np.random.default_rng(expected["image_seed"]).standard_normal((3, size, size, 3), dtype=np.float32)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EARLIER, tmp_path / "earlier"))


def test_a_supernet_is_read_and_computes_the_same() -> None:
    expected = read_expected(EARLIER)
    supernet = load_supernet(EARLIER)
    assert supernet.space == MICRO
    assert_close(supernet(images_of(expected), expected["arch"], training=False), expected["logits"], 1e-4)


def test_a_supernet_of_bottlenecks_is_read_and_computes_the_same() -> None:
    folder = EARLIER / "bottlenecks"
    expected = read_expected(folder)
    supernet = load_supernet(folder)
    assert supernet.space == BOTTLENECKS
    assert_close(supernet(images_of(expected), expected["arch"], training=True), expected["logits"], 1e-4)


@pytest.mark.parametrize(("folder", "space"), [(EARLIER, MICRO), (EARLIER / "bottlenecks", BOTTLENECKS)])
def test_an_arch_has_the_same_genes(folder: Path, space: Any) -> None:
    expected = read_expected(folder)
    assert space.encode(expected["arch"]).tolist() == expected["genes"]


def test_a_subnet_a_tflite_model_and_a_found_arch_are_read() -> None:
    expected = read_expected(EARLIER)
    subnet, arch = load_subnet(EARLIER / "models" / "sampled.keras")
    assert arch == expected["arch"]
    model = EARLIER / "models" / "sampled_int8.tflite"
    assert Arch.from_dict(load_sidecar(model)["arch"]) == arch
    images = images_of(expected)
    logits = np.asarray(subnet(images, training=False))
    assert np.abs(TFLiteModel(model).predict(images) - logits).max() < 0.2 * np.abs(logits).max()
    MICRO.validate(Arch.load(EARLIER / "archs" / "found.json"))


def test_a_latency_table_is_read_and_predicts_the_same() -> None:
    expected = read_expected(EARLIER)
    table = LatencyTable.load(EARLIER / "latency_tables" / "host_float32.json", MICRO)
    assert LatencyModel(MICRO, table).predict(expected["arch"]) == pytest.approx(expected["predicted_latency_ms"])


def test_an_accuracy_table_without_counts_is_not_searched_and_can_be_built_anew(earlier: Path) -> None:
    run = Run(earlier)
    build = re.escape(f"python tools/build_accuracy_table.py --workdir={earlier}")
    message = rf"Received: only {earlier / 'accuracy_table.json'}, .* Build it again with: {build}."
    with pytest.raises(InputError, match=message):
        run.check_tables(False, "host")
    with pytest.raises(InputError, match=message):
        run.accuracy_table()
    before = (earlier / "accuracy_table.json").read_bytes()
    built = run.build_accuracy_table(2)
    assert len(run.accuracy_table()) == len(built) == 2
    run.check_tables(False, "host")
    assert (earlier / "accuracy_table.json").read_bytes() == before


@pytest.mark.slow
def test_an_interrupted_phase_is_continued_to_the_same_network(earlier: Path) -> None:
    expected = read_expected(EARLIER)
    config = TrainConfig.load(earlier)
    train(config, (PHASES[1],), resume=True)
    # Crops are redrawn since then where they do not fit; a phase that begins anew, or without its momentum, shows more.
    logits = load_supernet(earlier)(images_of(expected), expected["arch"], training=True)
    assert_close(logits, expected["logits_after_resume"], 0.06)
