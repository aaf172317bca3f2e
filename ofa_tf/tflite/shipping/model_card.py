"""The model card: what a sidecar says of a model, told to people, as Markdown.

It is made from the sidecar alone, so that the two never contradict each other. What the sidecar does not say is left
out, or said to be unknown. Below the last line that is made here, the card belongs to its reader: what is written there
is kept when the card is made again.
"""

from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.base.markdown import markdown_table
from ofa_tf.base.numbers_in_words import accuracy_in_words
from ofa_tf.base.shares import standard_error_of_share
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.lowering.targets import CPU, MCU, TARGETS
from ofa_tf.tflite.shipping.card_words import (
    Facts,
    arch_in_words,
    arena_in_words,
    compiled_in_words,
    cut_in_words,
    delegation_in_words,
    dequantization_in_words,
    device_cells,
    guessing_in_words,
    left_by_npus_in_words,
    measured_in_words,
    names_in_words,
    precision_in_words,
    quantization_in_words,
    searched_form_in_words,
)

_FIRST_LINE = "<!-- ofa_tf/model_card/1 -->"
_LAST_LINE = "<!-- What stands below is yours: it is kept when this card is made again. -->"

# What belongs to the reader, as long as nobody has written in it.
OWN_PART = """
## Intended use

To be filled in: what the model is for, and what it must not be used for.

## Licence

To be filled in. The licences of the training images and of imported weights may bind, too.
"""


def describe_model_card(facts: Facts, own_part: str | None = None) -> str:
    """The card of a model.

    Args:
        facts: What its sidecar says, see `save_tflite`.
        own_part: What stood below the last line of an earlier card; `None`: there is none.

    Returns:
        Markdown.
    """
    sections = [
        _FIRST_LINE,
        f"# {facts['model']}",
        _introduction(facts),
        _section("The model", _model_lines(facts)),
        _section("Classes and images", _data_lines(facts)),
        _section("Accuracy", _accuracy_lines(facts)),
        _latency_section(facts),
        _section("From an image to the input", _input_lines(facts)),
        _section("From the output to a class", _output_lines(facts)),
        _section("How it was made", _origin_lines(facts)),
        _section("Limits", _limit_lines(facts)),
        _LAST_LINE,
    ]
    if own_part is None:
        own_part = OWN_PART
    text = "\n\n".join(section for section in sections if section)
    return f"{text}\n{own_part}"


def read_own_part(path: Path) -> str | None:
    """What somebody wrote below the last line of a card; `None`: there is no card.

    Raises:
        InputError: If the file is no card, or one without that line.
    """
    check_card_replaceable(path)
    if not _has_content(path):
        return None
    _, _, own_part = path.read_text(encoding="utf-8").partition(_LAST_LINE)
    return own_part.removeprefix("\n")


def check_card_replaceable(path: Path) -> None:
    """Check that writing a card does not replace a file that is none, or what somebody wrote in one.

    Raises:
        InputError: If there is another file, not empty, or a card without the line that tells what is its reader's.
    """
    if not _has_content(path):
        return
    content = path.read_bytes()
    if not content.startswith(_FIRST_LINE.encode()):
        raise InputError(
            f"Expected {path} to be free, or an older model card. Received: another file; it is not replaced. "
            "Choose another name for the model, or move that file away."
        )
    if _LAST_LINE.encode() not in content:
        raise InputError(
            f"Expected the model card {path} to have the line {_LAST_LINE!r}. Received: a card without it, of which "
            "nobody knows what you wrote. Put the line above what is yours, or move the card away."
        )


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


# --- sections ----------------------------------------------------------------


def _section(title: str, lines: Sequence[str]) -> str:
    """A heading and a list; nothing where there is nothing to list."""
    if not lines:
        return ""
    items = "\n".join(f"- {line}" for line in lines)
    return f"## {title}\n\n{items}"


def _introduction(facts: Facts) -> str:
    """What the model is, in a sentence."""
    size = facts["image_size"]
    classes = f"{facts['num_classes']} classes"
    network = "a subnet"
    if facts.get("is_plain"):
        network = "an ordinary network, trained alone, of the shape of a subnet"
    return (
        f"A TFLite (LiteRT) model that tells {classes} of images apart: {network} of the search space "
        f"`{facts['arch']['space']}`, for images of {size} x {size} pixels, {precision_in_words(facts)}."
    )


def _model_lines(facts: Facts) -> list[str]:
    lines = [
        f"File: `{facts['model']}`, {facts['size_bytes']:,} bytes, SHA-256 `{facts['sha256']}`",
        f"Network: {arch_in_words(facts['arch'])}",
    ]
    if "num_macs" in facts:
        lines.append(f"Multiply-accumulates (MACs) for an image: {facts['num_macs']:,}")
    if "num_params" in facts:
        lines.append(f"Parameters: {facts['num_params']:,}")
    gate = facts.get("gate") or {}
    if "peak_ram_bytes" in gate:
        lines.append(f"Memory of its activations, without a delegate: {gate['peak_ram_bytes']:,} bytes")
    if "arena_bytes" in gate:
        lines.append(arena_in_words(gate))
    target = str(facts.get("target", CPU.name))
    if target != CPU.name and target in TARGETS:
        lines.append(f"Made for the target `{target}`: {TARGETS[target].description}; not tried there by this export")
    if "num_partitions" in gate and "num_operators" in gate:
        where = "" if target == CPU.name else "On a CPU, "
        lines.append(f"{where}{delegation_in_words(gate)}")
    if "left_by_npus" in facts:
        lines.append(left_by_npus_in_words(facts["left_by_npus"]))
    for soc, compiled in facts.get("compiled", {}).items():
        lines.append(compiled_in_words(soc, compiled))
    if facts.get("remedies"):
        lines.append(f"Quantized so that less accuracy is lost: {', '.join(facts['remedies'])}")
    if facts.get("float_layers"):
        lines.append(f"Layers that stay float: {names_in_words(facts['float_layers'])}")
    return lines


def _data_lines(facts: Facts) -> list[str]:
    names = facts.get("class_names")
    if names is None:
        lines = [f"Classes: {facts['num_classes']}; their names are not known"]
    else:
        lines = [f"Classes, in the order of the output: {names_in_words(names)}"]
    data_set = facts.get("data_set")
    if data_set is None:
        lines.append("Data set: not known")
        return lines
    described = f"Data set: `{data_set['name']}`"
    if "num_train_images" in data_set:
        described += f", of which {count_in_words(data_set['num_train_images'], 'image')} trained the network"
    lines.append(described)
    return lines


def _accuracy_lines(facts: Facts) -> list[str]:
    gate = facts.get("gate") or {}
    lines = []
    if gate.get("top1") is None:
        lines.append("Not measured: the model was exported without a data set")
    else:
        num_images = gate["num_images"]
        error = standard_error_of_share(round(gate["top1"] * num_images), num_images)
        accuracy = accuracy_in_words(gate["top1"], error)
        images = count_in_words(num_images, "test image")
        lines.append(f"Top-1 of this file, run by LiteRT: {accuracy} on {images}")
        if gate.get("reference_top1") is not None:
            lines.append(f"Top-1 of the network before conversion, on the same images: {gate['reference_top1']:.2%}")
        guessing = guessing_in_words(gate)
        if guessing is not None:
            lines.append(f"**That is {guessing}**")
        # Models of earlier versions were judged by test images.
        decided_on = gate.get("decided_on") or {"split": "test"}
        if facts.get("remedies") and decided_on["split"] == "test":
            lines.append("How the model was quantized was chosen with these images, so they flatter it a little")
    lines += _searched_lines(facts)
    if lines and gate.get("top1") is not None:
        lines.append("Behind +- is one standard error, in percentage points")
    return lines


def _searched_lines(facts: Facts) -> list[str]:
    """What the search that found the arch measured."""
    search = facts.get("search") or {}
    lines = []
    model = "before this export"
    if search.get("accuracy_precision"):
        model = f"as {search['accuracy_precision']}, {model}"
    if search.get("reported_top1") is not None and search.get("reported_standard_error") is not None:
        accuracy = accuracy_in_words(search["reported_top1"], search["reported_standard_error"])
        images = "validation images"
        if search.get("num_report_images"):
            images = count_in_words(search["num_report_images"], "validation image")
        lines.append(f"Top-1 that the search reported, {model}: {accuracy} on {images} that nothing was chosen by")
    if search.get("limits"):
        limits = ", ".join(f"{name} at most {limit:,.15g}" for name, limit in search["limits"].items())
        searched = "It was searched"
        if search.get("device"):
            searched += f" for {search['device']}"
        searched += searched_form_in_words(search)
        line = f"{searched}, within {limits}"
        if not search.get("is_for_such_models", True):
            line += ": limits of other models than this one"
        lines.append(line)
    return lines


def _latency_section(facts: Facts) -> str:
    rows = []
    for prediction in facts.get("predicted_latencies") or []:
        error = prediction.get("mean_error")
        checked = ""
        if error is not None:
            checked = f" ({error:.1%} off on other networks, on average)"
        latency = f"predicted {prediction['latency_ms']:.3f} ms{checked}"
        if prediction.get("doubt"):
            latency += f" DOUBTFUL: {prediction['doubt']}"
        rows.append([*device_cells(prediction["device"]), latency])
    for measurement in facts.get("measured_latencies") or []:
        rows.append([*device_cells(measurement["device"]), measured_in_words(measurement)])
    if not rows and facts.get("target") == MCU.name:
        return "## Latency\n\nNot known: models for microcontrollers are not measured by this project."
    if not rows:
        path = f"FOLDER/{facts['model']}"
        measure = shell_command("tools/benchmark.py", f"--model={path}", "--device=adb", "--output=b.json")
        add = shell_command("tools/to_tflite.py", f"--card={path}", "--benchmark=b.json")
        return (
            f"## Latency\n\nNot known. `{measure}` measures it on a phone (`--device=host`: on this computer), and "
            f"`{add}` adds it here; in the project's folder, with the folder of this file."
        )
    table = markdown_table(["device", "run by", "threads", "one image"], rows)
    notes = []
    search = facts.get("search") or {}
    if search.get("measured_latency_ms") is not None:
        model = f"a model of the same network{searched_form_in_words(search)}"
        note = (
            f"The search that found it measured {search['measured_latency_ms']:.3f} ms of {model}, on "
            f"{search.get('device', 'its device')}."
        )
        if search.get("measured_latency_doubt"):
            note += f" DOUBTFUL: {search['measured_latency_doubt']}."
        notes.append(note)
    return "\n\n".join(["## Latency", table, *notes])


def _input_lines(facts: Facts) -> list[str]:
    size = facts["image_size"]
    lines = ["Turn the image upright, and take red, green and blue, in this order, from 0 to 255"]
    lines.append(cut_in_words(facts.get("preprocessing")))
    lines.append(f"Resize it to {size} x {size} pixels, bilinearly and with antialiasing, as Pillow does")
    lines += _values_in_words(facts)
    return lines


def _values_in_words(facts: Facts) -> list[str]:
    """From pixels to what the input tensor holds."""
    input_format = InputFormat.from_facts(facts)
    lines = []
    if input_format.is_uint8:
        lines.append("Round to whole numbers: these bytes are the input")
        return lines
    if input_format.input_type == "float32":
        lines.append("Divide by 255")
    else:
        mean = ", ".join(f"{number:g}" for number in input_format.mean)
        std = ", ".join(f"{number:g}" for number in input_format.std)
        lines.append(f"Subtract {mean} and divide by {std} (red, green, blue)")
    tensor = facts.get("input_tensor")
    if tensor is not None and "scale" in tensor:
        lines.append(f"Quantize: {quantization_in_words(tensor)}")
    return lines


def _output_lines(facts: Facts) -> list[str]:
    lines = []
    tensor = facts.get("output_tensor")
    if tensor is not None and "scale" in tensor:
        lines.append(f"Dequantize: {dequantization_in_words(tensor)}")
    if OutputFormat.from_facts(facts).has_softmax:
        lines.append("The output are shares of 1 (softmax), one a class: the largest is the answer")
    else:
        lines.append("The output are logits, one a class: the largest is the answer; softmax makes shares of 1 of them")
    return lines


def _origin_lines(facts: Facts) -> list[str]:
    lines = []
    if facts.get("command"):
        lines.append(f"Command: `{facts['command']}`")
    rewrites = facts.get("lowering")
    if rewrites:
        lines.append(f"Rewritten for: {facts.get('target', 'cpu')} (`--lowering={','.join(rewrites)}`)")
    if facts.get("num_representative_images"):
        num_images = facts["num_representative_images"]
        data_set = facts.get("data_set") or {}
        # The sidecar has how many were asked for; a small data set has fewer.
        num_taken = min(num_images, data_set.get("num_train_images") or num_images)
        lines.append(f"Ranges of integers from {count_in_words(num_taken, 'training image')}")
    if facts.get("qat_epochs"):
        lines.append(f"Fine-tuned for rounding: {count_in_words(facts['qat_epochs'], 'epoch')}")
    versions = facts.get("versions") or {}
    if versions:
        lines.append(f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}")
    return lines


def _limit_lines(facts: Facts) -> list[str]:
    lines = [
        f"It answers with one of its {facts['num_classes']} classes, also to an image that shows none of them",
        "Shares from softmax are no probabilities that were checked",
        "How accurate it is on other images than those of its data set is not known",
    ]
    data_set = facts.get("data_set") or {}
    if data_set.get("unfinished_phases"):
        phases = ", ".join(data_set["unfinished_phases"])
        lines.insert(0, f"Its training was not finished: phases that were left are {phases}")
    return lines
