"""The methods of training a supernet, and their phases, as data.

Progressive shrinking trains the full network first and then, phase by phase, lets ever smaller subnets in, which learn
from the finished full network. The sandwich method has one phase for all subnets: each step trains the largest, the
smallest and some random ones, and the largest one's predictions of this very step teach the others. The naive method,
to compare these with, has one phase, too: each step trains random subnets, on labels alone. After any, one subnet may
be trained alone, in a run of its own.
"""

import dataclasses
import enum

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.search_space import SearchSpace

_KINDS_WITH_STAGES = ("depth", "width")
_ALL = "all"


class Teacher(enum.Enum):
    """Whose predictions the subnets of a phase learn from."""

    NOBODY = "nobody"  # labels only
    FULL_NETWORK = "full network"  # as the phase `full` left it; beside labels
    LARGEST_OF_STEP = "largest of the step"  # which itself learns from labels only


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase, or one stage of it: which choices may be sampled.

    Args:
        kind: `"full"`, `"kernel"`, `"depth"`, `"width"`, `"sandwich"`, `"naive"` or `"finetune"`.
        stage: Counted from 1; 1 for kinds that have one stage.
        kernel_sizes: How many of the largest kernel sizes are sampled; `None`
            for all. The others alike.
        depths: How many of the largest depths are sampled.
        expand_ratios: How many of the largest expand ratios are sampled.
        teacher: Whose predictions its subnets learn from.
        trains_one_subnet: Whether it trains one subnet alone, by a program of its own (tools/finetune.py).

    Reference: Once-for-All, section 3.3 and appendix B.
    """

    kind: str
    stage: int = 1
    kernel_sizes: int | None = None
    depths: int | None = None
    expand_ratios: int | None = None
    teacher: Teacher = Teacher.FULL_NETWORK
    trains_one_subnet: bool = False

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

    def flag(self, setting: str) -> str:
        """The flag that sets one of its settings, such as `--full_epochs`."""
        if self.trains_one_subnet:
            return f"--{setting}"
        return f"--{self.name}_{setting}"

    @property
    def _has_stages(self) -> bool:
        return self.kind in _KINDS_WITH_STAGES

    @property
    def sorts_channels(self) -> bool:
        """Whether channels are sorted before it: a narrower layer keeps the first of them."""
        return self.kind == "width"

    def smallest_indices(self, space: SearchSpace) -> np.ndarray:
        """Lower bounds for `SearchSpace.sample_genes`."""
        return space.smallest_indices(self.kernel_sizes, self.depths, self.expand_ratios)


FULL = Phase("full", kernel_sizes=1, depths=1, expand_ratios=1, teacher=Teacher.NOBODY)
SANDWICH = Phase("sandwich", teacher=Teacher.LARGEST_OF_STEP)
# Reference: Once-for-All, section 3.3, "Naive Approach": subnets are sampled in each step, and nothing else is done.
NAIVE = Phase("naive", teacher=Teacher.NOBODY)
# Of no method: it comes after one, see `ofa_tf.training.finetuning`.
FINETUNE = Phase("finetune", trains_one_subnet=True)

PROGRESSIVE_SHRINKING = "progressive_shrinking"

# Reference: Once-for-All, section 3.3 and appendix B.
PHASES = (
    FULL,
    Phase("kernel", depths=1, expand_ratios=1),
    Phase("depth", 1, depths=2, expand_ratios=1),
    Phase("depth", 2, expand_ratios=1),
    Phase("width", 1, expand_ratios=2),
    Phase("width", 2),
)

# By the name of the method, its phases in order. Reference of the second: BigNAS, Yu et al., ECCV 2020
# (arXiv 2003.11142), section 3.2.
METHODS: dict[str, tuple[Phase, ...]] = {
    PROGRESSIVE_SHRINKING: PHASES,
    "sandwich": (SANDWICH,),
    "naive": (NAIVE,),
}

# A phase's place decides what it draws, so that a further one must come last.
ALL_PHASES = (*PHASES, SANDWICH, FINETUNE, NAIVE)
# Those of a supernet: the phases of all methods.
PHASE_NAMES = tuple(phase.name for phase in ALL_PHASES if not phase.trains_one_subnet)


def select_phases(kind: str, stage: int | None = None, method: str = PROGRESSIVE_SHRINKING) -> tuple[Phase, ...]:
    """The phases that `--phase` and `--stage` stand for, in order.

    Args:
        kind: Kind of a phase, or `"all"`.
        stage: A stage of that kind; all its stages by default.
        method: Name of one of `METHODS`, whose phases there are to choose from.

    Raises:
        InputError: If there is no such method, phase or stage.
    """
    if method not in METHODS:
        raise InputError(f"Expected --method to be one of {list(METHODS)}. Received: --method={method}. Choose one.")
    phases = METHODS[method]
    kinds = dict.fromkeys(phase.kind for phase in phases)
    known = [*kinds, _ALL]
    if kind not in known:
        raise InputError(f"Expected --phase to be one of {known} with --method={method}. Received: --phase={kind}.")
    if kind == _ALL:
        if stage is not None:
            raise InputError(f"Expected no --stage with --phase=all. Received: --stage={stage}. Name one phase.")
        return phases
    of_kind = tuple(phase for phase in phases if phase.kind == kind)
    if stage is None:
        return of_kind
    chosen = tuple(phase for phase in of_kind if phase.stage == stage)
    if not chosen:
        stages = sorted(phase.stage for phase in of_kind)
        raise InputError(f"Expected --stage to be one of {stages} with --phase={kind}. Received: --stage={stage}.")
    return chosen


def next_phase(phase: Phase) -> Phase | None:
    """The phase that starts from the checkpoint of `phase`; `None` for the last."""
    phases = _phases_around(phase)
    index = phases.index(phase) + 1
    if index == len(phases):
        return None
    return phases[index]


def previous_phase(phase: Phase) -> Phase | None:
    """The phase whose checkpoint `phase` starts from; `None` for the first."""
    phases = _phases_around(phase)
    index = phases.index(phase)
    if index == 0:
        return None
    return phases[index - 1]


def _phases_around(phase: Phase) -> tuple[Phase, ...]:
    """The phases of the method that a phase belongs to; itself alone if it is of none."""
    for name in METHODS:
        if phase in METHODS[name]:
            return METHODS[name]
    return (phase,)
