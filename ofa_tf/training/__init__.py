"""Training: from a search space and a data set to a trained supernet, or to one subnet trained alone.

Read `progressive_shrinking.py` first: `train` runs the phases (`phases.py`) that a `TrainConfig` (`config.py`, its
rules in `rules.py`, its flags in `config_flags.py`) describes, after `start_checks.py` has looked at what is there.
Then `trainer.py`, the loop of one phase, and what it is made of: `phase_beginning.py` (weights and teacher it begins
with), `subnet_sampling.py` (which subnets a step trains), `schedules.py` (steps and learning rates), `train_step.py`
with `distillation.py`, `losses.py` and `alpha_divergence.py` (one optimizer step), `evaluation.py` (measured accuracy),
`epoch_means.py`, `epoch_progress.py` and `guessing.py` (what the user sees), `training_log.py` with
`sampled_choices.py` and `event_files.py` (what TensorBoard shows), `checkpoint_timer.py`, `train_state.py` and
`checkpoints.py` (when, what and how it is saved) and `worker_state.py` (how several workers begin with the same). A
found subnet is trained alone by the same loop: `finetuning.py` says which one, `finetuning_sources.py` and
`finetuning_weights.py` what it takes over from its run. `baseline.py` and `throughput.py` are for comparison: a plain
Keras network, and the speed of other ways to train.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "baseline": ["train_baseline"],
        "config": ["PhaseConfig", "TrainConfig"],
        "config_flags": ["changes_from_flags", "config_from_flags", "define_changes_flags", "define_flags"],
        "evaluation": ["Evaluator", "count_in_halves"],
        "finetuning": ["FIXED_SETTINGS", "Finetuning"],
        "fused_sgd": ["FusedSGD"],
        "guessing": ["share_of_commonest_class"],
        "losses": ["count_correct", "cross_entropy", "make_targets"],
        "phases": ["FINETUNE", "METHODS", "NAIVE", "PHASES", "Phase", "Teacher", "next_phase", "select_phases"],
        "progressive_shrinking": ["train"],
        "rules": ["SettingError"],
        "schedules": ["PhaseSchedule"],
        "start_checks": ["check_data", "check_start", "unfinished_phases"],
        "train_step": ["StepResult", "TrainStep"],
        "train_state": ["latest_checkpoint", "read_state"],
        "throughput": ["REFERENCES", "WAYS", "Throughput", "TrainingLoad", "measure_throughput"],
    },
)
