from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.training.config import TrainConfig
from ofa_tf.workflow import export
from ofa_tf.workflow.export import ship_subnets
from ofa_tf.workflow.workdir import Workdir
from tests.support.spaces import MICRO


def test_a_model_that_cannot_be_written_does_not_keep_the_others_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ship_subnet(workdir: Workdir, arch: Any, path: str, options: ExportOptions) -> dict[str, Any]:
        Path(path).write_bytes(b"")
        return {"path": path}

    monkeypatch.setattr(export, "ship_subnet", ship_subnet)
    monkeypatch.setattr(Workdir, "evaluator", None)
    space = get_search_space("mobilenet_v3_tiny")
    paths = [str(tmp_path / name) for name in ("missing/a.tflite", "b.tflite")]
    shipped: list[dict[str, Any]] = []
    archs = dict.fromkeys(paths, space.smallest())
    faults = ship_subnets(Workdir(tmp_path), archs, ExportOptions(), shipped.append)
    assert shipped == [{"path": paths[1]}]
    assert len(faults) == 1
    assert faults[0].startswith(f"{paths[0]}: ")
    assert "No such file" in faults[0]


def test_what_the_run_itself_lacks_is_said_once(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    archs = {str(tmp_path / f"{index}.tflite"): MICRO.smallest() for index in range(3)}
    with pytest.raises(InputError, match=r"Expected a trained supernet at .*supernet.keras"):
        ship_subnets(Workdir(tmp_path), archs, ExportOptions(), lambda facts: None)
