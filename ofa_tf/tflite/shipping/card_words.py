"""How a model card puts what a sidecar says: networks, devices, latencies, integers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.shares import is_clearly_above
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space, list_search_spaces
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name
from ofa_tf.tflite.quantization.modes import QUANTIZATION_MODES

_MAX_CLASSES_NAMED = 100
_BITS_A_BYTE = 8

# Letters that mean something in Markdown; the backslash, which escapes them, comes first.
_MARKDOWN_LETTERS = "\\`*_<>[]|"

Facts = Mapping[str, Any]  # as the sidecar has them


def precision_in_words(facts: Facts) -> str:
    """In what numbers a model computes."""
    name = facts["quantization"]
    if name not in QUANTIZATION_MODES:
        return f"quantization `{name}`"
    mode = QUANTIZATION_MODES[name]
    if mode.is_exact:
        return "float32"
    activations = "float32"
    if mode.activation_bits is not None:
        activations = f"int{mode.activation_bits}"
    kind = "float"
    if mode.weight_bits == _BITS_A_BYTE:
        kind = "int"
    return f"quantization `{name}` (weights {kind}{mode.weight_bits}, activations {activations})"


def searched_form_in_words(search: Facts) -> str:
    """For which models an arch was searched, after a comma; nothing where that is not known."""
    if not search.get("precision"):
        return ""
    words = f", as {form_name(search['precision'], search.get('target', CPU.name))}"
    input_type = search.get("input_type", NORMALIZED)
    if input_type != NORMALIZED:
        words += f" taking {input_type}"
    return words


def guessing_in_words(gate: Facts) -> str | None:
    """What is to be said of a model that may as well not look at the images; `None` of one that is clearly better.

    Args:
        gate: What the gate reported of it; that of earlier versions does not tell.
    """
    guessed = gate.get("guessed_top1")
    if guessed is None or is_clearly_above(gate["top1"], gate["num_images"], guessed):
        return None
    return f"not clearly better than always answering with the most frequent class ({guessed:.2%})"


def arch_in_words(arch: Facts) -> str:
    """The choices of an arch, as far as people read them."""
    subnet = Arch.from_dict(arch)
    stages = "; ".join(_stages_in_words(subnet))
    return f"images of {subnet.image_size} px; {stages}; its arch is in the sidecar"


def _stages_in_words(arch: Arch) -> list[str]:
    """Blocks of each stage, with the choices of each block where its space is known."""
    lengths = _full_depths(arch.space)
    choices = {"kernels": arch.kernel_sizes, "expand ratios": arch.expand_ratios}
    stages = []
    first = 0
    for number, depth in enumerate(arch.depths, start=1):
        words = f"stage {number} of {count_in_words(depth, 'block')}"
        if len(lengths) == len(arch.depths):
            for name, values in choices.items():
                chosen = values[first : first + depth]
                if chosen:
                    words += f", {name} {_short_list(chosen)}"
            first += lengths[number - 1]
        stages.append(words)
    return stages


def _full_depths(space_name: str) -> list[int]:
    """Blocks of each elastic stage at full depth; empty if the space is not known here."""
    if space_name not in list_search_spaces():
        return []
    return [stage.depths[-1] for stage in get_search_space(space_name).stages]


def _short_list(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def delegation_in_words(gate: Facts) -> str:
    """Who runs the operators of a model."""
    partitions = count_in_words(gate["num_partitions"], "partition")
    words = f"LiteRT's XNNPACK delegate runs its {gate['num_operators']} operators in {partitions}"
    left = gate.get("undelegated") or {}
    if left:
        described = ", ".join(f"{number} {name}" for name, number in left.items())
        words += f", all but {described}"
    return words


def arena_in_words(gate: Facts) -> str:
    """What a model takes of a microcontroller's memory."""
    return (
        f"Arena of TFLite Micro, on this computer: {gate['arena_bytes']:,} bytes ({gate['arena_head_bytes']:,} for "
        f"activations, {gate['arena_tail_bytes']:,} for tables, fewer with pointers of 32 bits)"
    )


def left_by_npus_in_words(left: Mapping[str, Facts]) -> str:
    """What neural processors leave of a model to the CPU, by vendor, see `find_left`."""
    if not left:
        return "Neural processors: all operators are in the lists of what the vendors' compilers take"
    clauses = []
    for vendor, operators in left.items():
        counted = ", ".join(f"{number} {name}" for name, number in operators.items())
        clauses.append(f"{vendor} {counted}")
    return f"Left to the CPU by neural processors, by what their vendors' compilers list: {'; '.join(clauses)}"


def compiled_in_words(soc: str, compiled: Facts) -> str:
    """A file that was compiled for a chip, see `compile_shipped`."""
    partitions = count_in_words(compiled["num_partitions"], "partition")
    return (
        f"Compiled for {soc}: `{compiled['file']}`, {compiled['size_bytes']:,} bytes, {compiled['num_taken']} of "
        f"{compiled['num_operators']} operators in {partitions}; not run anywhere by this export"
    )


def cut_in_words(preprocessing: Facts | None) -> str:
    """What is cut out of an image first."""
    if preprocessing is None:
        return "What was cut out of test images is not known: take the whole image, or its middle"
    fraction = preprocessing["crop_fraction"]
    if fraction is None:
        return "Take the whole image, whatever its shape: it is squeezed into a square"
    return f"Cut out the square in the middle, of {fraction:.1%} of the shorter side"


def device_cells(device: Facts) -> list[str]:
    """What of a device's facts decides a latency, in three cells."""
    names = [str(device[key]) for key in ("manufacturer", "model") if device.get(key)]
    where = " ".join(names) or "not known"
    if device.get("device"):
        where += f" (`{device['device']}`)"
    if device.get("os_build"):
        where += f", {device['os_build']}"
    runtime = [str(device[key]) for key in ("runtime", "delegate") if device.get(key)]
    threads = str(device.get("num_threads", "not known"))
    if device.get("cpu_mask"):
        threads += f" on cores {device['cpu_mask']}"
    return [where, ", ".join(runtime) or "not known", threads]


def measured_in_words(measurement: Facts) -> str:
    """A latency that was measured, with what is known of its error."""
    words = f"measured {measurement['latency_ms']:.3f} ms"
    low, high = measurement.get("latency_low_ms"), measurement.get("latency_high_ms")
    if low is not None and high is not None:
        words += f" (95% confidence interval {low:.3f} to {high:.3f})"
    if measurement.get("doubt"):
        words += f" DOUBTFUL: {measurement['doubt']}"
    if measurement.get("output_error") is not None:
        words += f"; what it gives there differs by {measurement['output_error']:.1e} of the largest from here"
    return words


def quantization_in_words(tensor: Facts) -> str:
    """How an integer tensor is made of numbers."""
    return (
        f"q = round(x / {tensor['scale']!r}) {_signed(tensor['zero_point'])}, clipped to what {tensor['dtype']} holds; "
        "the model's own metadata have these numbers, too"
    )


def dequantization_in_words(tensor: Facts) -> str:
    """What number an integer stands for."""
    return f"x = (q {_signed(-tensor['zero_point'])}) * {tensor['scale']!r}"


def _signed(number: int) -> str:
    """A number that is added, such as "+ 3" and "- 3"."""
    sign = "-" if number < 0 else "+"
    return f"{sign} {abs(number)}"


def names_in_words(names: Sequence[str]) -> str:
    """Names as Markdown, or the first of many."""
    shown = ", ".join(_as_text(name) for name in names[:_MAX_CLASSES_NAMED])
    left = len(names) - _MAX_CLASSES_NAMED
    if left > 0:
        shown += f" and {left:,} more, which the sidecar and the model's own metadata name"
    return shown


def _as_text(name: str) -> str:
    """A name in which Markdown sees nothing but text."""
    for letter in _MARKDOWN_LETTERS:
        name = name.replace(letter, f"\\{letter}")
    return " ".join(name.split())
