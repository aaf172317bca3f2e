"""What found archs cost, told in two steps, so that a device that fails loses nothing that was found."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.measured_run import MeasuredRun


def save_and_measure(
    run: MeasuredRun,
    archs: Sequence[Arch],
    device: str,
    form: ModelForm,
    save: Callable[[Sequence[SubnetCosts]], None],
    *,
    latency_table: str | Path | None = None,
    is_measured: bool = True,
) -> list[SubnetCosts]:
    """Save found archs with predicted costs, measure their latencies, and save them again.

    Args:
        run: The run.
        archs: What was found.
        device: Id of the device.
        form: Form of the models.
        save: Writes the archs with their costs, in the order of `archs`.
        latency_table: The device's table; by default the run's own.
        is_measured: Whether latencies are measured; a device that cannot is announced.

    Returns:
        The costs that were saved last.
    """
    costs = run.predict_costs(archs, device, form, latency_table)
    save(costs)
    if not is_measured:
        return costs
    try:
        costs = run.measure_costs(archs, device, form, latency_table)
    except InputError as error:
        announce(f"without measured latencies: {error}")
        return costs
    save(costs)
    return costs
