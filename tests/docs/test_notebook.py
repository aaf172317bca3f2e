"""The notebook of the documents: as it is stored, and run on a small finished run."""

import copy
import json
from pathlib import Path

import nbformat
import pytest

from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from tests.support import notebook as notebooks
from tests.support import spaces
from tests.support.finished_run import add_phases, unfinished_run
from tests.support.repository import ROOT

_TOUR = ROOT / "docs" / "notebooks" / "tour.ipynb"
_MAX_BYTES = 100_000


def test_the_notebook_is_stored_with_all_that_it_showed_and_nothing_else() -> None:
    stored = nbformat.read(_TOUR, as_version=4)
    nbformat.validate(stored)
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert len(notebooks.pictures(stored, "image/svg+xml")) == 1
    assert notebooks.tidy(copy.deepcopy(stored)) == stored
    assert _TOUR.stat().st_size < _MAX_BYTES


@pytest.mark.long
def test_the_notebook_runs_on_a_finished_run(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    _record_plugin(run.path / "train_config.json", spaces.__file__)
    add_phases(run)
    run.build_accuracy_table(num_archs=10)
    run.build_latency_table("host", LatencyTableSettings(num_networks=MIN_ARCHS_FOR_EXPONENT, num_held_out=1))

    shown = notebooks.run_notebook(_TOUR, OFA_TF_RUN=str(run.path))
    text = notebooks.text_outputs(shown)
    assert text.startswith("micro: ")
    assert "front: " in text
    (name,) = {line.removeprefix("it is: ") for line in text.splitlines() if line.startswith("it is: ")}
    assert name in run.source.class_names
    (front,) = notebooks.pictures(shown, "image/svg+xml")
    assert "Front of micro on host" in front
    assert len(notebooks.pictures(shown, "image/png")) == 1
    sidecar = load_sidecar(run.path / "tour" / "model.tflite")
    assert sidecar["quantization"] == "int8"
    assert sidecar["gate"]["num_images"] == 359


def _record_plugin(config_file: Path, plugin: str) -> None:
    """Let a run know the file that registers its search space, for a Python that has not loaded it."""
    config = json.loads(config_file.read_text())
    config["plugins"] = [plugin]
    config_file.write_text(json.dumps(config))
