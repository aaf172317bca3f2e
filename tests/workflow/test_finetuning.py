"""A subnet of a run that an earlier version trained is trained alone: `micro` on the digits, four steps an epoch."""

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas
from ofa_tf.data.sources import open_source
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.saving import load_supernet, save_supernet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.costs import num_params
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.finetuning import Finetuning
from ofa_tf.training.finetuning_sources import TEACHER_FILE, teacher_file
from ofa_tf.training.phase_beginning import PhaseBeginning
from ofa_tf.training.phases import FINETUNE
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.training.start_checks import check_start
from ofa_tf.training.train_state import latest_checkpoint, read_state
from ofa_tf.training.trainer import Trainer
from ofa_tf.workflow.finetuning import FinetuneSettings, finetune_config
from ofa_tf.workflow.run import Run, open_run
from tests.support.interruptions import interrupt_after
from tests.support.networks import randomize
from tests.support.repository import FIXTURES
from tests.support.spaces import BOTTLENECKS, MICRO

EARLIER = FIXTURES / "earlier_state"
ARCH = MICRO.sample(np.random.default_rng(4))

_LEARNING = FinetuneSettings(epochs=2, learning_rate=0.02)


def _config(workdir: Path, settings: FinetuneSettings = _LEARNING, run: Path = EARLIER) -> TrainConfig:
    return finetune_config(TrainConfig.load(run), ARCH, workdir, settings)


def _begun(config: TrainConfig) -> Trainer:
    """A fine-tuning before its first step."""
    trainer = Trainer(config, open_source(config.dataset, validation_fraction=config.validation_fraction))
    PhaseBeginning(config, trainer.train_step, Replicas()).begin(FINETUNE, resume=False)
    return trainer


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of the subnet after two epochs, learning from the full network."""
    workdir = tmp_path_factory.mktemp("tuned")
    Run(EARLIER).finetune(ARCH, workdir, _LEARNING)
    return workdir


def _trained_weights(supernet: Supernet) -> list[np.ndarray]:
    return [variable.numpy() for variable in extract_subnet(supernet, ARCH).trainable_variables]


def _assert_equal(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for found, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_it_begins_as_the_subnet_of_the_supernet_with_no_other_parameters(tmp_path: Path) -> None:
    trainer = _begun(_config(tmp_path))
    _assert_equal(_trained_weights(trainer.supernet), _trained_weights(load_supernet(EARLIER)))
    sizes = [variable.numpy().size for variable in trainer.supernet.trainable_variables]
    assert sum(sizes) == num_params(MICRO, ARCH, 10)
    assert trainer.evaluator.top1(ARCH) == Run(EARLIER).evaluate(ARCH, "validation")


def test_it_learns_from_the_full_network_of_its_run(tmp_path: Path) -> None:
    run = shutil.copytree(EARLIER, tmp_path / "run")
    (full,) = run.glob("checkpoints/full/*")
    teacher = randomize(load_supernet(full))
    save_supernet(teacher, full)
    trainer = _begun(_config(tmp_path / "new", run=run))
    assert trainer.train_step.teacher.space == MICRO
    _assert_equal(trainer.train_step.teacher.get_weights(), teacher.get_weights())


def test_its_workdir_is_a_run_of_this_subnet(tuned: Path, tmp_path: Path) -> None:
    run = open_run(tuned)
    assert (run.space.largest(), run.space.count(include_image_sizes=True)) == (ARCH, 1)
    assert 0 <= run.evaluate(run.space.largest()) <= 1
    with pytest.raises(InputError, match=r"Expected `(image_size|depths|kernel_sizes|expand_ratios)\["):
        run.evaluate(MICRO.largest())
    facts = run.export(ARCH, tmp_path / "model.tflite", ExportOptions())
    assert load_sidecar(facts["path"])["arch"] == ARCH.to_dict()
    (entry_1, entry_2) = _history(tuned)
    assert entry_2["loss"] < entry_1["loss"]
    assert set(entry_2) == {"epoch", "images_per_second", "loss", "accuracy", "subnet_top1", "subnet_loss"}


def test_tensorboard_shows_a_fine_tuning_too(tuned: Path) -> None:
    log = EventAccumulator(str(tuned / "logs" / "finetune"))
    log.Reload()
    for name in ("epoch/loss", "validation/subnet_top1", "validation/subnet_loss"):
        _, of_history = name.split("/")
        values = [float(tf.make_ndarray(event.tensor_proto)) for event in log.Tensors(name)]
        assert values == pytest.approx([entry[of_history] for entry in _history(tuned)])
    image_sizes = {float(tf.make_ndarray(event.tensor_proto)) for event in log.Tensors("sampled/image_size")}
    assert image_sizes == {ARCH.image_size}


def _history(workdir: Path) -> list[dict[str, Any]]:
    checkpoint = latest_checkpoint(workdir, FINETUNE)
    assert checkpoint is not None
    return read_state(checkpoint).history


def test_a_fine_tuning_can_be_fine_tuned_further(tuned: Path, tmp_path: Path) -> None:
    config = finetune_config(TrainConfig.load(tuned), ARCH, tmp_path, FinetuneSettings(epochs=1))
    assert config.phases["finetune"].learning_rate == _LEARNING.learning_rate
    trainer = _begun(config)
    _assert_equal(_trained_weights(trainer.supernet), _trained_weights(load_supernet(tuned)))
    assert (tmp_path / TEACHER_FILE).read_bytes() == (tuned / TEACHER_FILE).read_bytes()


def test_from_scratch_it_begins_as_a_network_of_its_own(tmp_path: Path) -> None:
    config = _config(tmp_path, dataclasses.replace(_LEARNING, from_scratch=True))
    alone = _begun(config).supernet
    own = build_supernet(MICRO.of_one(ARCH), 10, config.dropout_rate, config.seed)
    _assert_equal(_trained_weights(alone), _trained_weights(own))
    # A kernel drawn for its own size, not the centre of the largest one's.
    kernels = [block.depthwise_conv.kernel.shape[0] for block in alone.blocks]
    assert kernels == [part.kernel_size for name, part in MICRO.plain_parts(ARCH).items() if name.startswith("stage")]


@pytest.mark.slow
def test_a_fine_tuning_that_was_stopped_goes_on_bit_for_bit_without_the_run_it_came_from(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(EARLIER, tmp_path / "run")
    config = _config(tmp_path / "stopped", run=run)
    interrupt_after(monkeypatch, num_steps=3)
    with pytest.raises(KeyboardInterrupt, match="Phase finetune is saved after 3 steps"):
        train(config, config.run_phases)
    moved = run.rename(tmp_path / "moved")
    config = _config(tmp_path / "stopped", run=moved)
    shutil.rmtree(moved)
    with pytest.raises(InputError, match=r"checkpoints of \['finetune'\]. Pass --resume to continue"):
        train(config, config.run_phases)
    train(config, config.run_phases, resume=True)
    _assert_equal(load_supernet(config.workdir).get_weights(), load_supernet(tuned).get_weights())


def test_without_a_weight_there_is_no_teacher(tuned: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(_LEARNING, epochs=1, changes={"distillation_weight": 0.0})
    Run(EARLIER).finetune(ARCH, tmp_path, settings)
    assert (tuned / TEACHER_FILE).is_file()
    assert not (tmp_path / TEACHER_FILE).exists()
    # The cross entropies against labels and teacher are added up.
    assert _history(tmp_path)[0]["loss"] < 0.7 * _history(tuned)[0]["loss"]


# --- what it takes over, without TensorFlow ------------------------------


def test_it_has_the_recipe_of_the_run_but_for_what_is_changed(tmp_path: Path) -> None:
    run = TrainConfig.load(EARLIER)
    changes = {"batch_size": 64, "label_smoothing": 0.0}
    config = _config(tmp_path, FinetuneSettings(epochs=3, changes=changes))
    finetuning = Finetuning(ARCH, str(EARLIER))
    last = run.phases["width_2"]
    phases = {"finetune": PhaseConfig(epochs=3, learning_rate=last.learning_rate)}
    assert config == dataclasses.replace(
        run, workdir=str(tmp_path), phases=phases, finetuning=finetuning, batch_size=64, label_smoothing=0.0
    )
    config.save()
    assert TrainConfig.load(tmp_path) == config


def test_the_replicas_of_the_run_share_the_steps(tmp_path: Path) -> None:
    class Three(Replicas):
        num_replicas = 3

    run = Run(EARLIER)
    run.compute_on(Three())
    with pytest.raises(InputError, match=r"a multiple of the 3 replicas, .* Received: --batch_size=16"):
        run.finetune(ARCH, tmp_path, dataclasses.replace(_LEARNING, changes={"batch_size": 16}))


@pytest.mark.parametrize("name", ["validation_fraction", "workdir", "phases", "epoch"])
def test_what_stays_as_it_is_in_the_run_cannot_be_changed(name: str) -> None:
    with pytest.raises(InputError, match=rf"Expected `changes` to be among \[.*\]. Received: \['{name}'\]"):
        FinetuneSettings(changes={name: 0.5})


def test_from_scratch_it_takes_over_the_first_phase(tmp_path: Path) -> None:
    run = TrainConfig.load(EARLIER)
    full = PhaseConfig(epochs=9, learning_rate=0.5, warmup_epochs=3)
    run = dataclasses.replace(run, phases={**run.phases, "full": full})
    for epochs, warmup_epochs in ((9, 3), (2, 1)):
        config = finetune_config(run, ARCH, tmp_path, FinetuneSettings(epochs, from_scratch=True))
        assert config.phases["finetune"] == PhaseConfig(epochs, learning_rate=0.5, warmup_epochs=warmup_epochs)


def test_of_a_run_of_some_phases_it_takes_over_the_last_of_these(tmp_path: Path) -> None:
    phases = {"full": PhaseConfig(3, 0.5), "kernel": PhaseConfig(2, 0.25)}
    run = TrainConfig(str(tmp_path / "run"), phases=phases, space=MICRO.name)
    config = finetune_config(run, ARCH, tmp_path, FinetuneSettings(epochs=1))
    assert config.phases == {"finetune": PhaseConfig(epochs=1, learning_rate=0.25)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (FinetuneSettings(epochs=0), "Expected --epochs to be at least 1. Received: --epochs=0"),
        (FinetuneSettings(learning_rate=-1), "Expected --learning_rate to be positive. Received: --learning_rate=-1"),
        (FinetuneSettings(epochs=1, warmup_epochs=1), "Expected --warmup_epochs to be from 0 to below 1"),
        (FinetuneSettings(changes={"batch_size": 0}), "Received: batch_size=0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: FinetuneSettings, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        _config(tmp_path, settings)


def test_an_arch_of_another_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"of the search space 'micro'. Received: one of 'bottlenecks'"):
        finetune_config(TrainConfig.load(EARLIER), BOTTLENECKS.largest(), tmp_path, _LEARNING)


def test_imported_weights_need_a_learning_rate(tmp_path: Path) -> None:
    run = TrainConfig(str(tmp_path / "import"), phases={}, space=MICRO.name)
    with pytest.raises(InputError, match=r"Expected --learning_rate: .*import holds imported weights"):
        finetune_config(run, ARCH, tmp_path, FinetuneSettings())
    assert finetune_config(run, ARCH, tmp_path, FinetuneSettings(learning_rate=0.1, from_scratch=True))


def _run_with(folder: Path, *files: str, **settings: Any) -> Finetuning:
    """A fine-tuning of a run that consists of its configuration and some empty files."""
    TrainConfig(str(folder), **{"space": MICRO.name, **settings}).save()
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Finetuning(ARCH, str(folder))


def test_the_full_network_teaches_where_there_is_one_else_the_last(tmp_path: Path) -> None:
    full = "checkpoints/full/step_00000004_finished"
    shrunk = _run_with(tmp_path / "a", "supernet.keras", f"{full}/supernet.keras", f"{full}/checkpoint.json")
    sandwich = _run_with(tmp_path / "b", "supernet.keras", method="sandwich")
    imported = _run_with(tmp_path / "c", "supernet.keras", phases={})
    phases = {"finetune": PhaseConfig(1, 0.1)}
    tuned = _run_with(tmp_path / "d", "supernet.keras", TEACHER_FILE, phases=phases, finetuning=shrunk)
    assert teacher_file(shrunk) == tmp_path / "a" / full / "supernet.keras"
    assert teacher_file(sandwich) == tmp_path / "b" / "supernet.keras"
    assert teacher_file(imported) == tmp_path / "c" / "supernet.keras"
    assert teacher_file(tuned) == tmp_path / "d" / TEACHER_FILE


def test_a_run_that_lacks_its_network_or_its_teacher_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    _run_with(run)
    config = _config(tmp_path / "new", run=run)
    with pytest.raises(InputError, match=f"Expected a trained supernet at {run / 'supernet.keras'}. Received: no"):
        check_start(config, config.run_phases, resume=False)
    (run / "supernet.keras").touch()
    message = f"Expected the teacher at {run}/checkpoints/full/supernet.keras. Received: no.*--distillation_weight=0"
    with pytest.raises(InputError, match=message):
        check_start(config, config.run_phases, resume=False)
    check_start(dataclasses.replace(config, distillation_weight=0.0), config.run_phases, resume=False)
    assert not Path(config.workdir).exists()


def test_a_workdir_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    config = _config(tmp_path / "new")
    config.save()
    check_start(config, config.run_phases, resume=False)
    supernet = TrainConfig(config.workdir, space=MICRO.name)
    with pytest.raises(InputError, match=r"to be new or a supernet's run. Received: .*new, which holds a fine-tuning"):
        check_start(supernet, supernet.run_phases, resume=True)
    for changes, name in (
        ({"arch": MICRO.smallest()}, "arch"),
        ({"from_scratch": True, "run": "elsewhere"}, "run and from_scratch"),
    ):
        assert config.finetuning is not None
        other = dataclasses.replace(config, finetuning=dataclasses.replace(config.finetuning, **changes))
        message = (
            f"Expected {tmp_path / 'new'} to hold the same fine-tuning, if any. Received: one with another {name}."
        )
        with pytest.raises(InputError, match=re.escape(message)):
            check_start(other, other.run_phases, resume=True)
    TrainConfig(str(tmp_path / "supernet"), space=MICRO.name).save()
    config = dataclasses.replace(config, workdir=str(tmp_path / "supernet"))
    with pytest.raises(InputError, match=r"to be new or a fine-tuning. Received: .*supernet, which holds a supernet's"):
        check_start(config, config.run_phases, resume=False)


def test_a_run_does_not_go_into_its_own_workdir(tmp_path: Path) -> None:
    run = tmp_path / "run"
    _run_with(run, "supernet.keras")
    config = _config(tmp_path / "x" / ".." / "run", run=run)
    with pytest.raises(InputError, match=r"Expected --workdir to be another folder than --from. Received: .*for both"):
        check_start(config, config.run_phases, resume=True)
