"""The delegates that `benchmark_model` can hand a model to, and how it says that it did."""

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_output import BenchmarkOutput

_FLAGS = {
    "xnnpack": "--use_xnnpack=true",
    "gpu": "--use_gpu=true",
    "nnapi": "--use_nnapi=true",
    "none": "--use_xnnpack=false",
}
DELEGATES = tuple(_FLAGS)

# What the names of delegates that benchmark_model prints contain, in small letters. The CPU, with
# XNNPACK or without, runs all models: whether it did need not be checked.
_PRINTED_NAMES = {
    "gpu": ("gpu", "litert_cl", "opencl"),
    "nnapi": ("nnapi",),
}


def delegate_flag(delegate: str) -> str:
    """The flag that makes `benchmark_model` use a delegate."""
    return _FLAGS[delegate]


def check_delegate(delegate: str, output: BenchmarkOutput) -> None:
    """Check that a delegate ran a model: without it, the CPU does, and says so at most.

    Raises:
        InputError: If it did not.
    """
    if delegate not in _PRINTED_NAMES:
        return
    if output.refusal:
        raise _did_not_run(delegate, repr(output.refusal))
    if output.delegates:
        is_among_them = any(_is_called(delegate, name) for name in output.delegates)
        if not is_among_them:
            raise _did_not_run(delegate, f"the delegates {', '.join(output.delegates)}")


def _is_called(delegate: str, printed_name: str) -> bool:
    name = printed_name.lower()
    return any(part in name for part in _PRINTED_NAMES[delegate])


def _did_not_run(delegate: str, received: str) -> InputError:
    return InputError(f"Expected the {delegate} delegate to run the model. Received: {received}.")
