"""The model card tells what the sidecar says, and keeps what somebody wrote into it."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import keras
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.model_card import describe_model_card
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.preprocessing import Preprocessing
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.shipping.sidecar import check_model_replaceable, load_sidecar, save_facts

NORMALIZATION = ((0.5,) * 3, (0.25,) * 3)
PHONE = {
    "device": "adb",
    "manufacturer": "Maker",
    "model": "Phone|1",
    "os_build": "14",
    "runtime": "benchmark_model",
    "delegate": "XNNPACK",
    "num_threads": 4,
    "cpu_mask": "f0",
}


def _facts(arch: Arch, **further: Any) -> dict[str, Any]:
    """What the sidecar of an int8 model says that little is known of."""
    return {
        "model": "m.tflite",
        "sha256": "abc",
        "size_bytes": 12345,
        "quantization": "int8",
        "arch": arch.to_dict(),
        "image_size": arch.image_size,
        "num_classes": 2,
        "class_names": ["cat", "a_*dog*"],
        "input_type": "normalized",
        "normalization": {"mean": [1.5, 2, 3], "std": [4, 5, 6]},
        "preprocessing": None,
        **further,
    }


def test_a_shipped_model_has_a_card_of_what_its_sidecar_says(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    origin = Origin(
        command="python tools/to_tflite.py --arch='my arch.json'",
        search={
            "reported_top1": 0.9,
            "reported_standard_error": 0.0123,
            "num_report_images": 500,
            "accuracy_precision": "int8",
            "precision": "int8",
            "device": "adb",
            "limits": {"latency_ms": 2.5},
            "measured_latency_ms": 1.3,
        },
        predicted_latencies=[{"latency_ms": 1.25, "device": PHONE, "mean_error": 0.015}],
    )
    data = ExportData(
        data.normalization,
        data.class_names,
        data.representative_images,
        test_batches=data.test_batches,
        preprocessing=Preprocessing(0.875),
        data_set={"name": "digits", "num_train_images": 1100},
    )
    ship(subnet, arch, path, ExportOptions("int8", max_accuracy_drop=0.3), data, origin=origin)
    facts = load_sidecar(path)
    card = (tmp_path / "m.md").read_text()

    assert card == describe_model_card(facts)
    assert f"`m.tflite`, {facts['size_bytes']:,} bytes, SHA-256 `{facts['sha256']}`" in card
    assert f"for an image: {facts['num_macs']:,}\n- Parameters: {facts['num_params']:,}\n" in card
    assert "quantization `int8` (weights int8, activations int8)" in card
    assert "a subnet of the search space `mobilenet_v3_tiny`, for images of 24 x 24 pixels" in card
    assert "`digits`, of which 1,100 images trained the network" in card
    top1 = facts["top1"]
    smoothed = (12 * top1 + 1) / 14
    error = 100 * math.sqrt(smoothed * (1 - smoothed) / 12)
    assert f"Top-1 of this file, run by LiteRT: {top1:.2%} +- {error:.2f} on 12 test images" in card
    assert "as int8, before this export: 90.00% +- 1.23 on 500 validation images that nothing" in card
    assert "It was searched for adb, as int8, within latency_ms at most 2.5" in card
    row = "| Maker Phone\\|1 (`adb`), 14 | benchmark_model, XNNPACK | 4 on cores f0 | predicted 1.250 ms (1.5% off"
    assert row in card
    assert "The search that found it measured 1.300 ms of a model of the same network, as int8, on adb." in card
    assert "Cut out the square in the middle, of 87.5% of the shorter side" in card
    assert "- Command: `python tools/to_tflite.py --arch='my arch.json'`" in card
    assert f"tensorflow {facts['versions']['tensorflow']}" in card
    assert "- Ranges of integers from 200 training images" in card
    few_images = {**facts, "data_set": {"name": "digits", "num_train_images": 42}}
    assert "- Ranges of integers from 42 training images" in describe_model_card(few_images)
    for split, is_flattered in (("validation", False), ("test", True)):
        gate = {**facts["gate"], "decided_on": {"split": split}}
        mended = describe_model_card({**facts, "remedies": ["ranges clipped"], "gate": gate})
        assert ("was chosen with these images, so they flatter it" in mended) == is_flattered
    plain = describe_model_card({**facts, **Origin(is_plain=True).facts()})
    assert "apart: an ordinary network, trained alone, of the shape of a subnet of the search space" in plain
    assert "was not finished" not in card
    unfinished = {**facts, "data_set": {"name": "digits", "unfinished_phases": ["width_1", "width_2"]}}
    assert "## Limits\n\n- Its training was not finished: phases that were left are width_1, width_2\n" in (
        describe_model_card(unfinished)
    )
    assert "## Licence\n\nTo be filled in." in card

    tensors = TFLiteModel(path).describe_tensors()
    assert facts["input_tensor"] == tensors["input_tensor"]
    scale, zero_point = tensors["input_tensor"]["scale"], tensors["input_tensor"]["zero_point"]
    assert f"Quantize: q = round(x / {scale!r}) + {zero_point}, clipped".replace("+ -", "- ") in card
    output = tensors["output_tensor"]
    assert f"Dequantize: x = (q - {output['zero_point']}) * {output['scale']!r}".replace("- -", "+ ") in card


def test_the_blocks_that_an_arch_has_are_named() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    kernels, ratios = [7] * 20, [6] * 20
    kernels[:2], ratios[4:7] = [3, 5], [3, 4, 6]
    arch = dataclasses.replace(
        space.largest(32), depths=(2, 3, 4, 4, 4), kernel_sizes=tuple(kernels), expand_ratios=tuple(ratios)
    )
    card = describe_model_card(_facts(arch))
    assert (
        "images of 32 px; stage 1 of 2 blocks, kernels 3 5, expand ratios 6 6; stage 2 of 3 blocks, kernels 7" in card
    )
    assert "expand ratios 3 4 6; stage 3 of 4 blocks" in card
    unknown = describe_model_card(_facts(dataclasses.replace(arch, space="a_plugin_s")))
    assert "images of 32 px; stage 1 of 2 blocks; stage 2 of 3 blocks; stage 3" in unknown


def test_what_is_not_known_is_left_out_or_said(arch: Arch) -> None:
    card = describe_model_card(_facts(arch))
    assert "- Classes, in the order of the output: cat, a\\_\\*dog\\*\n- Data set: not known\n" in card
    assert "Not measured: the model was exported without a data set" in card
    assert "## Latency\n\nNot known. `python tools/benchmark.py --model=FOLDER/m.tflite --device=adb" in card
    for_microcontrollers = describe_model_card({**_facts(arch), "target": "mcu"})
    assert "## Latency\n\nNot known: models for microcontrollers are not measured" in for_microcontrollers
    assert "`python tools/to_tflite.py --card=FOLDER/m.tflite --benchmark=b.json` adds it here" in card
    assert "What was cut out of test images is not known" in card
    assert "Subtract 1.5, 2, 3 and divide by 4, 5, 6" in card
    for absent in ("MACs", "Parameters", "Memory", "Command", "reported", "float32", "None", "Quantize", "+-"):
        assert absent not in card, absent
    searched = describe_model_card(_facts(arch, search={"limits": {"macs": 1e6}}))  # MACs are of no device
    assert "- It was searched, within macs at most 1,000,000\n" in searched
    nameless = describe_model_card(_facts(arch, class_names=None))
    assert "Classes: 2; their names are not known" in nameless


@pytest.mark.parametrize(
    ("input_type", "line"),
    [("uint8", "Round to whole numbers: these bytes are the input"), ("float32", "Divide by 255")],
)
def test_each_type_of_input_is_explained(input_type: str, line: str, arch: Arch) -> None:
    card = describe_model_card(_facts(arch, input_type=input_type, preprocessing={"crop_fraction": None}))
    assert f"- {line}\n" in card
    assert "Take the whole image, whatever its shape: it is squeezed into a square" in card
    assert "Subtract" not in card


def test_remedies_and_measured_latencies_are_told(arch: Arch) -> None:
    gate = {"top1": 0.8, "reference_top1": 0.85, "num_images": 50, "num_operators": 9, "num_partitions": 2}
    measured = {
        "latency_ms": 2.0,
        "latency_low_ms": 1.9,
        "latency_high_ms": 2.1,
        "doubt": "the phone was hot",
        "device": {"device": "host", "model": "Chip", "num_threads": 1},
    }
    facts = _facts(
        arch,
        gate={**gate, "undelegated": {"QUANTIZE": 1}},
        remedies=["bias correction"],
        float_layers=["stem", "head"],
        measured_latencies=[measured],
    )
    card = describe_model_card(facts)
    assert "Quantized so that less accuracy is lost: bias correction" in card
    assert "Layers that stay float: stem, head" in card
    assert "chosen with these images" in card
    assert "9 operators in 2 partitions, all but 1 QUANTIZE" in card
    interval = "95% confidence interval 1.900 to 2.100"
    assert f"| Chip (`host`) | not known | 1 | measured 2.000 ms ({interval}) DOUBTFUL: the phone was hot |" in card
    assert "Predictions" not in card


@pytest.mark.parametrize(("top1", "is_told"), [(0.55, True), (0.7, False)])
def test_a_model_that_may_as_well_guess_is_told(top1: float, is_told: bool, arch: Arch) -> None:
    """Of 60 images the standard error is about 6.4 points."""
    gate = {"top1": top1, "reference_top1": top1, "num_images": 60, "guessed_top1": 0.5}
    sentence = "**That is not clearly better than always answering with the most frequent class (50.00%)**"
    assert (sentence in describe_model_card(_facts(arch, gate=gate))) == is_told


def test_doubtful_predictions_and_searches_are_told(arch: Arch) -> None:
    device = {"device": "host"}
    prediction = {"latency_ms": 1.0, "device": device, "mean_error": 0.01, "doubt": "others were busy"}
    search = {"precision": "float32", "device": "host", "measured_latency_ms": 1.1, "measured_latency_doubt": "so, too"}
    card = describe_model_card(_facts(arch, predicted_latencies=[prediction], search=search))
    assert "predicted 1.000 ms (1.0% off on other networks, on average) DOUBTFUL: others were busy |" in card
    assert "measured 1.100 ms of a model of the same network, as float32, on host. DOUBTFUL: so, too." in card


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({}, "as int8, within latency_ms at most 1\n"),
        ({"target": "gpu", "precision": "float16"}, "as gpu float16, within latency_ms at most 1\n"),
        ({"input_type": "uint8"}, "as int8 taking uint8, within latency_ms at most 1\n"),
        ({"is_for_such_models": False}, "as int8, within latency_ms at most 1: limits of other models than this one\n"),
    ],
)
def test_it_is_told_which_models_were_searched_for(search: dict, words: str, arch: Arch) -> None:
    notes = {"precision": "int8", "device": "host", "limits": {"latency_ms": 1.0}, **search}
    card = describe_model_card(_facts(arch, quantization="int8", search=notes))
    assert f"- It was searched for host, {words}" in card


def test_a_model_for_other_hardware_is_not_said_to_have_run_there(arch: Arch) -> None:
    gate = {"top1": 0.8, "num_images": 50, "num_operators": 9, "num_partitions": 1}
    card = describe_model_card(_facts(arch, target="gpu", quantization="float16", gate=gate))
    assert "Made for the target `gpu`: the GPU of a phone; not tried there by this export" in card
    assert "On a CPU, LiteRT's XNNPACK delegate runs its 9 operators" in card


def test_many_classes_are_not_all_named(arch: Arch) -> None:
    names = [f"name {number}" for number in range(1000)]
    card = describe_model_card(_facts(arch, class_names=names, num_classes=1000))
    assert "name 99 and 900 more, which the sidecar and the model's own metadata name" in card
    assert "name 100" not in card


def test_what_somebody_wrote_is_kept(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    save_facts(path, _facts(arch))
    card = tmp_path / "m.md"
    edited = card.read_text().replace("To be filled in. The licences", "MIT, ours. The licences")
    card.write_text(edited.replace("cat", "changed above the line"))
    save_facts(path, _facts(arch, size_bytes=777))
    text = card.read_text()
    assert "MIT, ours." in text
    assert "777 bytes" in text
    assert "changed above the line" not in text
    assert json.loads((tmp_path / "m.json").read_text())["size_bytes"] == 777


def test_a_card_without_the_line_above_what_is_its_readers_is_not_replaced(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    save_facts(path, _facts(arch))
    card = tmp_path / "m.md"
    lines = [line for line in card.read_text().splitlines() if "What stands below is yours" not in line]
    edited = "\n".join(lines).replace("To be filled in. The licences", "MIT, ours. The licences")
    card.write_text(edited)
    for write in (check_model_replaceable, lambda path: save_facts(path, _facts(arch, size_bytes=777))):
        with pytest.raises(InputError, match=r"m\.md to have the line '<!-- What stands .*Put the line above what is"):
            write(path)
    assert card.read_text() == edited
    assert json.loads((tmp_path / "m.json").read_text())["size_bytes"] != 777


def test_a_file_that_is_no_card_is_not_replaced(arch: Arch, tmp_path: Path) -> None:
    (tmp_path / "m.md").write_text("# My notes\n")
    with pytest.raises(InputError, match=r"m\.md to be free, or an older model card\. Received: another file"):
        check_model_replaceable(tmp_path / "m.tflite")
    with pytest.raises(InputError, match=r"m\.md to be free"):
        save_facts(tmp_path / "m.tflite", _facts(arch))
    assert [path.name for path in tmp_path.iterdir()] == ["m.md"]
    assert (tmp_path / "m.md").read_text() == "# My notes\n"
