"""A model in ten lines: what it is, what it takes and gives, how accurate and how fast it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base.numbers_in_words import accuracy_in_words
from ofa_tf.base.shares import standard_error_of_share
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.litert.interpreter import describe_model
from ofa_tf.tflite.lowering.targets import CPU, MCU
from ofa_tf.tflite.shipping.card_words import (
    cut_in_words,
    delegation_in_words,
    dequantization_in_words,
    left_by_npus_in_words,
    measured_in_words,
    precision_in_words,
    quantization_in_words,
)
from ofa_tf.tflite.shipping.sidecar import load_sidecar, sidecar_path

_MAX_CLASSES_NAMED = 10
_Facts = Mapping[str, Any]


def read_facts(path: str | Path) -> dict[str, Any]:
    """All that is known of a model: its own metadata, its tensors, and the sidecar, if there is one.

    Raises:
        InputError: If the model is missing, damaged or not one that tools/to_tflite.py wrote,
            or its sidecar is damaged or of another file.
    """
    facts = describe_model(path)
    if "signatures" in facts or not sidecar_path(path).exists():
        return facts
    return {**facts, **load_sidecar(path)}


def summarize(path: str | Path, facts: _Facts) -> str:
    """What a model is, in ten lines; of an elastic file, in a line for each signature.

    Args:
        path: The model's file.
        facts: See `read_facts`.
    """
    if "signatures" in facts:
        return _summarize_elastic(path, facts)
    rows = [
        ("model", _describe_model(facts)),
        ("file", f"{Path(path).name}, {Path(path).stat().st_size:,} bytes, for the target {_target(facts)}"),
        ("image", _describe_image(facts)),
        ("input", _describe_input(facts)),
        ("output", _describe_output(facts)),
        ("classes", _describe_classes(facts)),
        ("accuracy", _describe_accuracy(facts)),
        ("latency", _describe_latency(facts)),
        ("run by", _describe_runtime(facts)),
        ("made by", facts.get("command") or "not known"),
    ]
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title:{width}}  {text}" for title, text in rows)


def _summarize_elastic(path: str | Path, facts: _Facts) -> str:
    """What the models of an elastic file are."""
    num_models = len(facts["signatures"])
    lines = [
        f"{Path(path).name}: an elastic file of {num_models} models, {Path(path).stat().st_size:,} bytes, "
        f"{facts['quantization']}, for the target {_target(facts)}; classes: {_describe_classes(facts)}"
    ]
    for name, model in facts["signatures"].items():
        top1 = "accuracy not measured" if model.get("top1") is None else f"test top-1 {model['top1']:.2%}"
        lines.append(
            f"{name}: {model['image_size']} px, {model['num_macs']:,} MACs, {top1}, latency {_describe_latency(model)}"
        )
    return "\n".join(lines)


def _describe_model(facts: _Facts) -> str:
    arch = facts["arch"]
    return (
        f"{facts['num_classes']} classes, a subnet of {arch['space']} for {facts['image_size']} px, "
        f"{precision_in_words(facts).replace('`', '')}"
    )


def _target(facts: _Facts) -> str:
    return str(facts.get("target", CPU.name))


def _describe_image(facts: _Facts) -> str:
    size = facts["image_size"]
    cut = cut_in_words(facts.get("preprocessing"))
    return f"upright, red, green, blue from 0 to 255; {_uncapitalized(cut)}; resize to {size} x {size}, antialiased"


def _describe_input(facts: _Facts) -> str:
    """From pixels to the input tensor."""
    tensor = facts["input_tensor"]
    described = f"{tensor['name']} {tuple(tensor['shape'])} {tensor['dtype']}"
    input_format = InputFormat.from_facts(facts)
    if input_format.is_uint8:
        return f"{described}: the pixels, rounded"
    if input_format.input_type == "float32":
        values = "pixels / 255"
    else:
        mean = ", ".join(f"{number:g}" for number in input_format.mean)
        std = ", ".join(f"{number:g}" for number in input_format.std)
        values = f"x = (pixels - [{mean}]) / [{std}]"
    if "scale" in tensor:
        values += f"; {_first_clause(quantization_in_words(tensor))}"
    return f"{described}: {values}"


def _describe_output(facts: _Facts) -> str:
    tensor = facts["output_tensor"]
    described = f"{tensor['name']} {tuple(tensor['shape'])} {tensor['dtype']}"
    if "scale" in tensor:
        return f"{described}: {dequantization_in_words(tensor)}, the largest is the answer"
    if OutputFormat.from_facts(facts).has_softmax:
        return f"{described}: shares of 1 (softmax), the largest is the answer"
    return f"{described}: the largest is the answer"


def _describe_classes(facts: _Facts) -> str:
    names: Sequence[str] | None = facts.get("class_names")
    if names is None:
        return "names not known"
    shown = ", ".join(names[:_MAX_CLASSES_NAMED])
    num_left = len(names) - _MAX_CLASSES_NAMED
    if num_left > 0:
        shown += f" and {num_left:,} more"
    return shown


def _describe_accuracy(facts: _Facts) -> str:
    gate = facts.get("gate")
    if gate is None:
        return "not known: its sidecar does not lie beside it"
    if gate.get("top1") is None:
        return "not measured: exported without a data set"
    num_images = gate["num_images"]
    error = standard_error_of_share(round(gate["top1"] * num_images), num_images)
    words = f"top-1 {accuracy_in_words(gate['top1'], error)} on {num_images:,} test images"
    if gate.get("reference_top1") is not None:
        words += f" (network before conversion {gate['reference_top1']:.2%})"
    return words


def _describe_latency(facts: _Facts) -> str:
    """The last measurement, else a prediction."""
    measurements = facts.get("measured_latencies")
    if measurements:
        last = measurements[-1]
        return f"{measured_in_words(last)} on {_place(last['device'])}"
    predictions = facts.get("predicted_latencies")
    if not predictions:
        return "not known"
    first = predictions[0]
    words = f"predicted {first['latency_ms']:.3f} ms on {_place(first['device'])}"
    if first.get("doubt"):
        words += f" DOUBTFUL: {first['doubt']}"
    return words


def _place(device: _Facts) -> str:
    threads = device.get("num_threads")
    words = f"{device.get('device', 'a device')} ({device.get('model', 'not known')}"
    if threads is not None:
        words += f", {threads} threads" if threads > 1 else ", 1 thread"
    return f"{words})"


def _describe_runtime(facts: _Facts) -> str:
    gate = facts.get("gate") or {}
    if "num_partitions" not in gate or "num_operators" not in gate:
        return "not known"
    if _target(facts) == MCU.name:
        arena = "not measured"
        if "arena_bytes" in gate:
            arena = f"{gate['arena_bytes']:,} bytes"
        return f"TFLite Micro, {gate['num_operators']} operators; arena {arena}"
    words = delegation_in_words(gate)
    if _target(facts) != CPU.name:
        words = f"on a CPU, {words}"
    if "left_by_npus" in facts:
        words = f"{left_by_npus_in_words(facts['left_by_npus'])}; {words}"
    if "peak_ram_bytes" in gate:
        words += f"; {gate['peak_ram_bytes']:,} bytes of activations"
    return words


def _uncapitalized(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _first_clause(words: str) -> str:
    clause, _, _ = words.partition(";")
    return clause
