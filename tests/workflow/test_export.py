from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.training.config import TrainConfig
from ofa_tf.workflow.export import export_all
from ofa_tf.workflow.run import Run
from tests.support.spaces import MICRO


def test_a_model_that_cannot_be_written_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    def export_one(arch: Arch, path: str) -> dict[str, Any]:
        Path(path).write_bytes(b"")
        return {"path": path}

    paths = [str(tmp_path / name) for name in ("missing/a.tflite", "b.tflite")]
    exported: list[dict[str, Any]] = []
    faults = export_all(dict.fromkeys(paths, MICRO.smallest()), export_one, exported.append)
    assert exported == [{"path": paths[1]}]
    assert len(faults) == 1
    assert faults[0].startswith(f"{paths[0]}: ")
    assert "No such file" in faults[0]


def test_what_the_run_itself_lacks_is_said_once(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    archs = {str(tmp_path / f"{index}.tflite"): MICRO.smallest() for index in range(3)}
    with pytest.raises(InputError, match=r"Expected a trained supernet at .*supernet.keras"):
        Run(tmp_path).export_all(archs, ExportOptions(), lambda facts: None)
