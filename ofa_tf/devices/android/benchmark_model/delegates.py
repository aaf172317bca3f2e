"""The delegates that `benchmark_model` can hand a model to, and how it says that it did."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry
from ofa_tf.devices.android.benchmark_model.printed_output import BenchmarkOutput


@dataclasses.dataclass(frozen=True)
class Delegate:
    """Who runs the operators of a model.

    Args:
        name: What users call it.
        flag_name: The flag of `benchmark_model` that is about it.
        flag_value: The value of that flag.
        printed_names: What the names that `benchmark_model` prints of it contain, in
            small letters. Empty: the CPU, which runs every model, so that nothing
            need be checked.
        notice_of_default: What builds print that take it unasked and do not know the
            flag; `None` if there are no such builds.
    """

    name: str
    flag_name: str
    flag_value: str = "true"
    printed_names: tuple[str, ...] = ()
    notice_of_default: str | None = None

    @property
    def flag(self) -> str:
        """What makes `benchmark_model` use it."""
        return f"--{self.flag_name}={self.flag_value}"

    def is_taken_unasked(self, text: str) -> bool:
        """Whether the build that printed a text uses it also without its flag."""
        return self.notice_of_default is not None and self.notice_of_default in text

    def check_that_it_ran(self, output: BenchmarkOutput) -> None:
        """Check that it ran a model: where it does not, the CPU does, and says so at most.

        Raises:
            InputError: If it did not.
        """
        if not self.printed_names:
            return
        if output.refusal:
            raise self._did_not_run(repr(output.refusal))
        if output.delegates and not any(self._is_called(name) for name in output.delegates):
            raise self._did_not_run(f"the delegates {', '.join(output.delegates)}")

    def _is_called(self, printed_name: str) -> bool:
        name = printed_name.lower()
        return any(part in name for part in self.printed_names)

    def _did_not_run(self, received: str) -> InputError:
        return InputError(f"Expected the {self.name} delegate to run the model. Received: {received}.")


DELEGATES: Registry[Delegate] = Registry("delegate")
for _delegate in (
    # LiteRT's tool takes XNNPACK by itself and does not know the flag.
    Delegate("xnnpack", "use_xnnpack", notice_of_default="XNNPACK delegate"),
    Delegate("gpu", "use_gpu", printed_names=("gpu", "litert_cl", "opencl")),
    Delegate("nnapi", "use_nnapi", printed_names=("nnapi",)),
    Delegate("none", "use_xnnpack", flag_value="false"),
):
    DELEGATES.register(_delegate.name, _delegate)
