import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.cost import num_macs
from ofa_tf.device.device import get_device
from ofa_tf.device.latency_table import LatencyTable
from ofa_tf.errors import InputError
from ofa_tf.models.saving import save_supernet
from ofa_tf.models.supernet import build_supernet
from ofa_tf.pipeline import Limits, networks_of_all_sizes, search_under
from ofa_tf.presets import get_search_space
from ofa_tf.quickstart import QuickstartSettings
from ofa_tf.runtime import configure_tensorflow
from ofa_tf.workdir import Workdir
from tests.support.spaces import MICRO


@pytest.mark.parametrize("num", [4, 8, 20])
def test_networks_that_calibrate_latencies_span_the_space(num: int) -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    archs = networks_of_all_sizes(space, num, np.random.default_rng(0))
    assert len(archs) == num
    assert space.smallest() in archs[::2]  # the half that calibrates
    assert space.largest() in archs[::2]
    assert all(space.canonical(arch) == arch for arch in archs)
    if num == 20:
        macs = np.sort(num_macs(space, archs, 1000))
        even = np.sort(num_macs(space, space.sample_genes(np.random.default_rng(0), num), 1000))
        assert macs[num // 4] < 0.7 * even[num // 4]  # more small ones than evenly drawn archs have
        assert macs[-1] / macs[0] > 5


def test_a_latency_table_of_another_computer_is_refused(tmp_path: Path) -> None:
    save_supernet(build_supernet(MICRO, 3, seed=0), tmp_path)
    workdir = Workdir(tmp_path)
    entries = {"stem": {16: 0.1}}
    here = {**get_device("host").describe(), "num_threads": 1}
    there = {**here, "model": "Another CPU"}
    table = LatencyTable(MICRO, 3, "float32", there, {}, MICRO.image_sizes, 0.01, entries)
    table.save(workdir.latency_table_path("host", "float32"))
    with pytest.raises(InputError, match=r"model='Another CPU'\). Received: model=.*tools/build_latency_table.py"):
        search_under(workdir, Limits(latency_ms=1.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_archs": 9}, "Expected `num_archs` to be at least 10. Received: num_archs=9"),
        ({"num_networks": 3}, "Expected `num_networks` to be at least 4. Received: num_networks=3"),
    ],
)
def test_a_quickstart_that_would_fail_after_its_training_is_refused_before(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(QuickstartSettings(), **settings)


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(InputError, match="Received: intra_op_threads=-1"):
        configure_tensorflow(-1)
