import dataclasses
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base import shell_commands
from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas
from ofa_tf.data.sources import open_source
from ofa_tf.devices.opening import open_device
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.networks.saving import save_supernet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.search.constraints import Limits
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.evaluation import Evaluator
from ofa_tf.workflow import trained_run
from ofa_tf.workflow.front import FrontRequest
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.table_checks import check_latency_table
from tests.support.spaces import MICRO


def test_a_search_names_all_tables_that_it_lacks(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(InputError, match=r"Train first: python train_main.py"):
        run.check_tables(True, "host")
    TrainConfig(str(tmp_path)).save()
    with pytest.raises(InputError, match=r"Expected the device to be host, .* Received: 'moon'"):
        run.check_tables(True, "moon")
    with pytest.raises(InputError) as error:
        run.check_tables(True, "host", "int8")
    for text in (
        str(tmp_path / "accuracy_table.jsonl"),
        str(tmp_path / "latency_tables" / "host_int8.json"),
        f"python tools/build_accuracy_table.py --workdir={tmp_path}",
        f"python tools/build_latency_table.py --device=host --precision=int8 --workdir={tmp_path}",
    ):
        assert text in str(error.value)
    assert str(error.value).startswith("Expected tables at ")

    run.accuracy_table_path.write_text("{}")
    run.check_tables(False, "host")
    with pytest.raises(InputError, match=re.escape(f"Expected a table at {tmp_path / 'latency_tables'}")) as error:
        run.check_tables(True, "host", "int8")
    assert "Received: no such file. Build with: " in str(error.value)
    assert "accuracy" not in str(error.value)


def _words_of_command(text: str) -> list[str]:
    """What a shell makes of the only command in a message."""
    (command,) = re.findall(r"python \S+\.py [^(]*--workdir=.*?(?=\.$| \(and )", text)
    return shlex.split(command)


def test_commands_in_messages_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_commands, "plugins_of_program", lambda: ("my plugin.py",))
    workdir = tmp_path / "it's; mine"
    ends = ["--plugins=my plugin.py", f"--workdir={workdir}"]
    TrainConfig(str(workdir)).save()
    run = Run(workdir)
    with pytest.raises(InputError) as error:
        run.check_tables(False, "host")
    assert _words_of_command(str(error.value)) == ["python", "tools/build_accuracy_table.py", *ends]

    run.earlier_accuracy_table_path.write_text("{}")
    with pytest.raises(InputError) as error:
        run.check_accuracy_table()
    assert _words_of_command(str(error.value)) == ["python", "tools/build_accuracy_table.py", *ends]

    text = trained_run._describe_unfinished(workdir, [])
    assert _words_of_command(text) == ["python", "train_main.py", ends[0], "--phase=all", "--resume", ends[1]]


def test_a_latency_table_that_cannot_be_built_where_it_is_named_is_refused_without_a_command(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path)).save()
    run = Run(tmp_path)
    run.accuracy_table_path.write_text("{}")
    folder = tmp_path / "mine.json"
    folder.mkdir()
    with pytest.raises(InputError, match=rf"^Expected a table at {folder}\. Received: a folder\. Name a file\.$"):
        run.check_tables(False, "host", latency_table=folder)
    path = tmp_path / "mine.jsn"
    with pytest.raises(InputError, match=rf"^Expected a table at {path}\. .*: no such file\. Name one .* in \.json\.$"):
        run.check_tables(False, "host", latency_table=path)
    with pytest.raises(InputError, match=rf"Received: no such file\. Build with: .* --output={tmp_path}/mine_2\.json"):
        run.check_tables(False, "host", latency_table=tmp_path / "mine_2.json")
    path.write_text("{}")  # what is there may be called anything
    run.check_tables(False, "host", latency_table=path)


class _TwoWorkers(Replicas):
    num_workers = 2


def test_a_search_is_for_one_worker(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path)).save()
    run = Run(tmp_path)
    run.check_one_worker()
    run.compute_on(Replicas())
    run.check_one_worker()

    run.compute_on(_TwoWorkers())
    limits = Limits(macs=1e9)
    request = FrontRequest(("macs",))
    for search in (lambda: run.check_search(limits), lambda: run.search(limits), lambda: run.front(request)):
        with pytest.raises(InputError, match=r"one worker in a search. Received: 2 workers. .* in one process"):
            search()


def test_looking_at_archs_and_tables_does_not_load_tensorflow(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path)).save()
    tables = (Run(tmp_path).accuracy_table_path, Run(tmp_path).latency_table_path("host"))
    for path in tables:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    program = (
        "import sys; from ofa_tf.workflow.run import open_run; "
        f"run = open_run({str(tmp_path)!r}); run.space.smallest(); run.check_tables(True, 'host'); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_run_that_was_trained_in_half_precision_is_measured_in_float32(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name, mixed_precision="bfloat16").save()
    trained = build_supernet(MICRO, 10, seed=1, dtype="mixed_bfloat16")
    save_supernet(trained, tmp_path)
    evaluator = Evaluator(trained, open_source("digits"))
    for run in (Run(tmp_path), Run(tmp_path, evaluator)):
        assert run.evaluator.supernet.dtype_policy.name == "float32"
        for loaded, kept in zip(run.supernet.get_weights(), trained.get_weights(), strict=True):
            np.testing.assert_array_equal(loaded, kept)


def test_a_latency_table_of_another_computer_is_refused(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    run = Run(tmp_path)
    entries = {"stem": {16: 0.1}}
    here = {**open_device("host").describe().to_dict(), "num_threads": 1}
    there = {**here, "model": "Another CPU"}
    table = LatencyTable(MICRO, 3, "float32", there, {}, MICRO.image_sizes, 0.01, entries)
    table.save(run.latency_table_path("host", "float32"))
    with pytest.raises(InputError, match=r"model='Another CPU'\). Received: model=.*tools/build_latency_table.py"):
        run.latency_model("host")


def test_a_latency_table_of_models_exported_in_another_way_is_refused(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    run = Run(tmp_path)
    here = {**open_device("host").describe().to_dict(), "num_threads": 1}
    lowering = ("fold_batch_norm",)
    table = LatencyTable(MICRO, 3, "float32", here, {}, MICRO.image_sizes, 0.01, {"stem": {16: 0.1}}, lowering=lowering)
    table.save(run.latency_table_path("host", "float32"))
    with pytest.raises(
        InputError, match=r"'split_depthwise'\]. Received: one with \['fold_batch_norm'\]. Build it again"
    ):
        run.latency_model("host")


def test_a_latency_table_of_another_device_or_precision_is_refused(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    table = LatencyTable(MICRO, 3, "int8", {"device": "adb"}, {}, MICRO.image_sizes, 0.01, {"stem": {16: 0.1}})
    table.save(tmp_path / "gpu.json")
    with pytest.raises(InputError, match=r"gpu.json to be a latency table of adb, float32. Received: one of adb, int8"):
        Run(tmp_path).latency_model("adb", "float32", tmp_path / "gpu.json")
    with pytest.raises(InputError, match=r"--device=adb --precision=int8 --output=.*none.json"):
        Run(tmp_path).check_tables(True, "adb", "int8", tmp_path / "none.json")


def test_a_latency_table_of_another_target_is_refused(tmp_path: Path) -> None:
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    run = Run(tmp_path)
    form = ModelForm.of_names("float16", "gpu")
    assert run.latency_table_path("adb", form) == tmp_path / "latency_tables" / "adb_gpu_float16.json"
    arguments = (MICRO, 3, "float16", {"device": "adb"}, {}, MICRO.image_sizes, 0.01, {"stem": {16: 0.1}})
    lowering = form.lowering
    LatencyTable(*arguments, target="gpu", lowering=lowering).save(tmp_path / "table.json")
    with pytest.raises(InputError, match=r"latency table of adb, float16. Received: one of adb, gpu float16"):
        run.latency_model("adb", "float16", tmp_path / "table.json")
    with pytest.raises(InputError, match=r"--device=adb --target=gpu --precision=float16 --workdir="):
        run.check_tables(True, "adb", form)
    run.latency_table_path("adb", form).parent.mkdir()
    (tmp_path / "table.json").rename(run.latency_table_path("adb", form))
    with pytest.raises(InputError, match=r"one of gpu float16 models: --target=gpu --precision=float16 takes it"):
        run.check_tables(True, "adb", "float16")


@pytest.mark.parametrize(
    ("delegate", "target", "is_refused"),
    [("gpu", "cpu", True), ("xnnpack", "gpu", True), ("gpu", "gpu", False), ("none", "cpu", False)],
)
def test_a_table_that_another_delegate_ran_is_refused(
    delegate: str, target: str, is_refused: bool, tmp_path: Path
) -> None:
    form = ModelForm.of_names("float32", target)
    device = {"device": "adb", "delegate": delegate}
    entries = {"stem": {16: 0.1}}
    table = LatencyTable(MICRO, 3, "float32", device, {}, (16,), 0.1, entries, lowering=form.lowering, target=target)
    if not is_refused:
        check_latency_table(table, tmp_path / "t.json", "adb", form)
        return
    with pytest.raises(InputError, match=rf"for the target {target}. Received: .* delegate='{delegate}'. Measure one"):
        check_latency_table(table, tmp_path / "t.json", "adb", form)


def test_a_table_of_an_earlier_version_is_of_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    LatencyTable(MICRO, 3, "int8", {"device": "adb"}, {}, MICRO.image_sizes, 0.01, {"stem": {16: 0.1}}).save(path)
    document = json.loads(path.read_text())
    del document["target"]
    path.write_text(json.dumps(document))
    assert LatencyTable.load(path).form_name == "int8"


def test_a_space_that_changed_since_the_training_is_refused(tmp_path: Path) -> None:
    changed = dataclasses.replace(MICRO, head_width=16)
    save_supernet(build_supernet(changed, 3, seed=0), tmp_path)
    TrainConfig(str(tmp_path), space=MICRO.name).save()
    with pytest.raises(InputError, match=r"of the search space 'micro' as it is now.*Undo the change to the space"):
        Run(tmp_path).load_supernet()
