import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import PHASE_NAMES, PHASES, Phase, select_phases
from ofa_tf.training.start_checks import check_data, check_start, is_begun, is_finished
from ofa_tf.training.train_state import TrainState, phase_folder
from tests.support.spaces import MICRO


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    phases = {name: PhaseConfig(epochs=2, learning_rate=0.02) for name in PHASE_NAMES}
    return TrainConfig(workdir=str(tmp_path / "run"), phases=phases, space=MICRO.name, batch_size=16)


def _write_states(config: TrainConfig, phases: Sequence[Phase], is_finished: bool = True) -> None:
    """What a run leaves of its phases, as far as it is looked at before another run."""
    config.save()
    for phase in phases:
        state = TrainState(phase.name, num_steps=4, is_finished=is_finished)
        checkpoint = phase_folder(config.workdir, phase) / "step_00000004"
        files.write_json(checkpoint / "checkpoint.json", "checkpoint", dataclasses.asdict(state))


def test_a_new_run_may_begin_and_writes_nothing_yet(config: TrainConfig) -> None:
    check_start(config, select_phases("all"), resume=False)
    assert not Path(config.workdir).exists()


def test_phases_are_begun_and_finished_as_their_checkpoints_say(config: TrainConfig) -> None:
    _write_states(config, PHASES[:1])
    _write_states(config, PHASES[1:2], is_finished=False)
    assert [is_begun(config, phase) for phase in PHASES[:3]] == [True, True, False]
    assert [is_finished(config, phase) for phase in PHASES[:3]] == [True, False, False]


@pytest.mark.parametrize(
    ("kind", "stage", "command"),
    [
        ("width", None, "--phase=all --resume"),
        ("kernel", None, "--phase=full"),
        ("depth", 2, "--phase=all --resume"),
    ],
)
def test_a_phase_without_the_one_before_names_the_command_to_run_first(
    config: TrainConfig, kind: str, stage: int | None, command: str
) -> None:
    with pytest.raises(InputError, match=f"Received: none. Run first: python train_main.py {command} "):
        check_start(config, select_phases(kind, stage), resume=False)


def test_the_command_to_run_first_can_be_pasted_whatever_the_folder_is_called(config: TrainConfig) -> None:
    config = dataclasses.replace(config, workdir=f"{config.workdir} of mine")
    with pytest.raises(InputError) as error:
        check_start(config, select_phases("depth", 2), resume=False)
    (command,) = re.findall(r"Run first: (.*) \(with", str(error.value))
    assert shlex.split(command) == ["python", "train_main.py", "--phase=all", "--resume", f"--workdir={config.workdir}"]


def test_the_phase_just_before_is_named_if_only_that_is_missing(config: TrainConfig) -> None:
    _write_states(config, PHASES[:3])
    _write_states(config, PHASES[3:4], is_finished=False)
    with pytest.raises(InputError, match=r"Run first: python train_main.py --phase=depth --stage=2 --workdir="):
        check_start(config, select_phases("width"), resume=False)


def test_a_phase_with_a_teacher_needs_the_full_phase_s_checkpoint(config: TrainConfig) -> None:
    _write_states(config, PHASES[1:5])
    message = r"Expected a finished phase full .*Run first: python train_main.py --phase=full "
    with pytest.raises(InputError, match=message):
        check_start(config, select_phases("width", 2), resume=False)


def test_a_run_that_was_begun_goes_on_only_when_resumed(config: TrainConfig) -> None:
    _write_states(config, PHASES[:2])
    with pytest.raises(InputError, match=r"Received: checkpoints of \['kernel'\]. Pass --resume to continue"):
        check_start(config, select_phases("kernel"), resume=False)
    check_start(config, select_phases("kernel"), resume=True)


def test_missing_settings_of_a_phase_are_reported(config: TrainConfig) -> None:
    only_full = dataclasses.replace(config, phases={"full": config.phases["full"]})
    with pytest.raises(InputError, match=r"Expected settings for the phases \['kernel'\]"):
        check_start(only_full, select_phases("kernel"), resume=False)


def test_settings_that_differ_from_those_of_the_trained_phases_are_refused(config: TrainConfig) -> None:
    _write_states(config, PHASES[:2])
    longer = {**config.phases, "kernel": dataclasses.replace(config.phases["kernel"], epochs=9)}
    for changed, shown in (
        ({"batch_size": 8}, "--batch_size=8 (was 16)"),
        ({"phases": longer}, "--kernel_epochs=9 (was 2, --epochs_scale applied)."),
        ({"batch_size": 8, "seed": 1, "phases": longer}, "--batch_size=8 (was 16), --seed=1 (was 0), --kernel_epochs"),
    ):
        with pytest.raises(InputError, match=re.escape(f"Received: {shown}")):
            check_start(dataclasses.replace(config, **changed), select_phases("all"), resume=True)


def test_another_method_is_refused_without_the_settings_of_phases_that_it_does_not_have(config: TrainConfig) -> None:
    _write_states(config, PHASES[:2])
    settings = PhaseConfig(epochs=9, learning_rate=0.02, num_subnets=2)
    phases = dict.fromkeys(PHASE_NAMES, settings)
    changed = dataclasses.replace(config, method="sandwich", phases=phases)
    message = r"Received: --method=sandwich \(was progressive_shrinking\)\. Use the earlier settings"
    with pytest.raises(InputError, match=message):
        check_start(changed, select_phases("all", method="sandwich"), resume=True)


def test_settings_of_phases_that_were_not_trained_and_learning_rates_may_change(config: TrainConfig) -> None:
    _write_states(config, PHASES[:2])
    slower = dataclasses.replace(config.phases["kernel"], learning_rate=0.01, warmup_epochs=1.0)
    longer = dataclasses.replace(config.phases["width_2"], epochs=9)
    changed = dataclasses.replace(config, phases={**config.phases, "kernel": slower, "width_2": longer})
    check_start(changed, select_phases("all"), resume=True)


def test_imported_weights_are_no_run_to_go_on_from(config: TrainConfig) -> None:
    dataclasses.replace(config, phases={}).save()
    with pytest.raises(InputError, match=r"which holds imported weights, and training cannot go on from those"):
        check_start(config, select_phases("all"), resume=True)


def test_a_data_set_is_checked_while_a_phase_is_unfinished(config: TrainConfig, tmp_path: Path) -> None:
    moved = dataclasses.replace(config, dataset=f"folder:{tmp_path / 'none'}")
    _write_states(moved, PHASES[:1])
    check_data(moved, PHASES[:1])
    with pytest.raises(InputError, match="Received: no such folder"):
        check_data(moved, PHASES[:2])


def test_a_data_set_that_may_be_downloaded_need_not_be_prepared(config: TrainConfig, tmp_path: Path) -> None:
    absent = dataclasses.replace(config, dataset="cifar10", data_dir=str(tmp_path))
    with pytest.raises(InputError, match="Expected the data set 'cifar10' to be prepared in"):
        check_data(absent, PHASES)
    check_data(dataclasses.replace(absent, download=True), PHASES)


def test_a_batch_may_not_be_larger_than_the_data_set(config: TrainConfig, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(3):
            (tmp_path / name / f"{index}.png").touch()
    small = dataclasses.replace(config, dataset=f"folder:{tmp_path}", batch_size=3)
    with pytest.raises(InputError, match=r"at most the 2 training images of .* Received: batch_size=3"):
        check_data(small, PHASES)
