"""`Delegate`: who runs the operators of a model, how `benchmark_model` is asked for it, and how it says that it did."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput

# What users call delegates; not every program has each of them.
XNNPACK: Final = "xnnpack"
GPU: Final = "gpu"
NNAPI: Final = "nnapi"
NO_DELEGATE: Final = "none"
DELEGATE_NAMES: Final = (XNNPACK, GPU, NNAPI, NO_DELEGATE)

# How exactly a GPU computes: as its driver likes best, or in this precision.
AUTOMATIC_PRECISION: Final = "auto"
GPU_PRECISIONS: Final = (AUTOMATIC_PRECISION, "fp16", "fp32")


@dataclasses.dataclass(frozen=True)
class Delegate:
    """Who runs the operators of a model.

    Args:
        name: What users call it, one of `DELEGATE_NAMES`.
        flags: What makes `benchmark_model` use it.
        told_names: What the names that `benchmark_model` tells of it contain, in
            small letters. Empty: the CPU, which runs every model, so that nothing
            need be checked.
        takes_all: Whether it must take every operator.
        hint: What may be the reason where the program fails with it and gives none.
    """

    name: str
    flags: tuple[str, ...]
    told_names: tuple[str, ...] = ()
    takes_all: bool = False
    hint: str = ""

    def check_that_it_ran(self, output: BenchmarkOutput) -> None:
        """Check that it ran a model: where it does not, the CPU does, and says so at most.

        Raises:
            InputError: If it did not, or took not all of the model and must.
        """
        if not self.told_names:
            return
        if output.refusal:
            raise self._did_not_run(repr(output.refusal))
        if not self._is_among(output.delegates):
            raise self._did_not_run(f"the delegates {', '.join(output.delegates) or 'none'}")
        if self.takes_all and output.num_undelegated:
            raise self._did_not_run(f"{output.num_undelegated} of its operators on the CPU")

    def _is_among(self, told: Sequence[str]) -> bool:
        """Whether it is among the delegates that were told, and nobody else where it must take all."""
        are_called = [self._is_called(name) for name in told]
        if self.takes_all:
            return bool(are_called) and all(are_called)
        return not are_called or any(are_called)  # some builds do not tell them

    def _is_called(self, told_name: str) -> bool:
        name = told_name.lower()
        return any(part in name for part in self.told_names)

    def _did_not_run(self, received: str) -> InputError:
        message = f"Expected the {self.name} delegate to run the model. Received: {received}. {self.hint}"
        return InputError(message.rstrip())
