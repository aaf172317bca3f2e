import dataclasses
from pathlib import Path

import pytest

from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.training.config import PhaseConfig, TrainConfig
from tests.support.formula_device import FormulaDevice, piece_models
from tests.support.images import write_class_folders
from tests.support.spaces import MICRO

_NUM_CLASSES = 3


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> SearchTask:
    """A search among tiny networks on 72 generated images, with latencies by a formula."""
    folder = tmp_path_factory.mktemp("task")
    photos: Path = write_class_folders(folder / "photos", {"ant": 30, "bee": 30, "cat": 30})
    config = TrainConfig(
        workdir=str(folder / "run"), space=MICRO.name, dataset=f"folder:{photos}", batch_size=16, seed=3
    )
    table = build_latency_table(piece_models(MICRO, _NUM_CLASSES), FormulaDevice())
    model = LatencyModel(MICRO, table)
    smallest_ms = float(model.predict(MICRO.smallest()))
    largest_ms = float(model.predict(MICRO.largest()))
    return SearchTask(
        config=config,
        recipe=PhaseConfig(epochs=4, learning_rate=0.05),
        latency_model=model,
        budget_ms=(smallest_ms + largest_ms) / 2,
    )


@pytest.fixture
def short_task(task: SearchTask) -> SearchTask:
    return dataclasses.replace(task, recipe=PhaseConfig(epochs=1, learning_rate=0.05))
