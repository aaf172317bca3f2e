"""What is wrong with the tables of a run is said before TensorFlow is loaded."""

import shutil
from pathlib import Path

import pytest

from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.latency.latency_table import LatencyTable
from tests.support.repository import FIXTURES
from tests.support.spaces import MICRO, PLUGINS_FLAG
from tests.support.without_tensorflow import error_line, run_without_tensorflow


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))


def _error_of(program: str, workdir: Path, *options: str) -> str:
    return error_line(run_without_tensorflow(program, PLUGINS_FLAG, f"--workdir={workdir}", *options))


# --- latency tables -----------------------------------------------------------------


def test_a_latency_table_of_other_settings_is_not_replaced(workdir: Path) -> None:
    path = workdir / "latency_tables" / "host_float32.json"
    device = {**HostDevice().describe().to_dict(), "num_threads": 1}
    LatencyTable(MICRO, 3, "float32", device, {}, (16,), 0.1, {}).save(path)
    before = path.read_bytes()
    line = _error_of("tools/build_latency_table.py", workdir, "--num_threads=2")
    assert f"Expected the latency table {path} to have been measured with num_threads=2" in line
    assert path.read_bytes() == before


def test_a_latency_table_needs_a_supernet(workdir: Path) -> None:
    (workdir / "supernet.keras").unlink()
    line = _error_of("tools/build_latency_table.py", workdir)
    assert f"Expected a trained supernet at {workdir / 'supernet.keras'}. Received: no such file." in line
