"""The phases of progressive shrinking, as data."""

import dataclasses

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.search_space import SearchSpace

PHASE_KINDS = ("full", "kernel", "depth", "width")
_KINDS_WITH_STAGES = ("depth", "width")
_ALL = "all"


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase, or one stage of it: which choices may be sampled.

    Args:
        kind: `"full"`, `"kernel"`, `"depth"` or `"width"`.
        stage: Counted from 1; 1 for kinds that have one stage.
        kernel_sizes: How many of the largest kernel sizes are sampled; `None`
            for all. The others alike.
        depths: How many of the largest depths are sampled.
        expand_ratios: How many of the largest expand ratios are sampled.

    Reference: Once-for-All, section 3.3 and appendix B.
    """

    kind: str
    stage: int
    kernel_sizes: int | None
    depths: int | None
    expand_ratios: int | None

    @property
    def name(self) -> str:
        """Name in flags and folders, such as `full` or `depth_2`."""
        return f"{self.kind}_{self.stage}" if self._has_stages else self.kind

    @property
    def flags(self) -> str:
        """What selects it on the command line, such as `--phase=depth --stage=2`."""
        if self._has_stages:
            return f"--phase={self.kind} --stage={self.stage}"
        return f"--phase={self.kind}"

    @property
    def _has_stages(self) -> bool:
        return self.kind in _KINDS_WITH_STAGES

    @property
    def has_teacher(self) -> bool:
        """Whether the full network's predictions are distilled."""
        return self.kind != "full"

    @property
    def sorts_channels(self) -> bool:
        """Whether channels are sorted before it: a narrower layer keeps the first of them."""
        return self.kind == "width"

    def smallest_indices(self, space: SearchSpace) -> np.ndarray:
        """Lower bounds for `SearchSpace.sample_genes`."""
        return space.smallest_indices(self.kernel_sizes, self.depths, self.expand_ratios)


PHASES = (
    Phase("full", 1, kernel_sizes=1, depths=1, expand_ratios=1),
    Phase("kernel", 1, kernel_sizes=None, depths=1, expand_ratios=1),
    Phase("depth", 1, kernel_sizes=None, depths=2, expand_ratios=1),
    Phase("depth", 2, kernel_sizes=None, depths=None, expand_ratios=1),
    Phase("width", 1, kernel_sizes=None, depths=None, expand_ratios=2),
    Phase("width", 2, kernel_sizes=None, depths=None, expand_ratios=None),
)
PHASE_NAMES = tuple(phase.name for phase in PHASES)


def select_phases(kind: str, stage: int | None = None) -> tuple[Phase, ...]:
    """The phases that `--phase` and `--stage` stand for, in order.

    Args:
        kind: One of `PHASE_KINDS` or `"all"`.
        stage: A stage of that kind; all its stages by default.

    Raises:
        InputError: If there is no such phase or stage.
    """
    known = [*PHASE_KINDS, _ALL]
    if kind not in known:
        raise InputError(f"Expected --phase to be one of {known}. Received: --phase={kind}.")
    if kind == _ALL:
        if stage is not None:
            raise InputError(f"Expected no --stage with --phase=all. Received: --stage={stage}. Name one phase.")
        return PHASES
    of_kind = tuple(phase for phase in PHASES if phase.kind == kind)
    if stage is None:
        return of_kind
    chosen = tuple(phase for phase in of_kind if phase.stage == stage)
    if not chosen:
        stages = sorted(phase.stage for phase in of_kind)
        raise InputError(f"Expected --stage to be one of {stages} with --phase={kind}. Received: --stage={stage}.")
    return chosen


def next_phase(phase: Phase) -> Phase | None:
    """The phase that starts from the checkpoint of `phase`; `None` for the last."""
    index = PHASES.index(phase) + 1
    if index == len(PHASES):
        return None
    return PHASES[index]


def previous_phase(phase: Phase) -> Phase | None:
    """The phase whose checkpoint `phase` starts from; `None` for the first."""
    index = PHASES.index(phase)
    if index == 0:
        return None
    return PHASES[index - 1]
