import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ofa_tf import pipeline
from ofa_tf.errors import InputError
from ofa_tf.export.options import ExportOptions
from ofa_tf.pipeline import ship_subnets
from ofa_tf.presets import get_search_space
from ofa_tf.quickstart import QuickstartSettings
from ofa_tf.runtime import configure_tensorflow
from ofa_tf.workdir import Workdir


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


def test_a_model_that_cannot_be_written_does_not_keep_the_others_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ship_subnet(workdir: Workdir, arch: Any, path: str, options: ExportOptions) -> dict[str, Any]:
        Path(path).write_bytes(b"")
        return {"path": path}

    monkeypatch.setattr(pipeline, "ship_subnet", ship_subnet)
    space = get_search_space("mobilenet_v3_tiny")
    paths = [str(tmp_path / name) for name in ("missing/a.tflite", "b.tflite")]
    shipped, faults = ship_subnets(Workdir(tmp_path), dict.fromkeys(paths, space.smallest()), ExportOptions())
    assert shipped == [{"path": paths[1]}]
    assert len(faults) == 1
    assert faults[0].startswith(f"{paths[0]}: ")
    assert "No such file" in faults[0]
