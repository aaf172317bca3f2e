"""An elastic file gives what its models give, has what is equal once, and its signatures are chosen by deadlines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.options import CpuOptions, Options

from ofa_tf.base.errors import InputError
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert import interpreter
from ofa_tf.tflite.litert.elastic_model import ElasticModel
from ofa_tf.tflite.litert.interpreter import TFLiteModel, create_interpreter
from ofa_tf.tflite.litert.merged_model import merge_models, with_first_graph
from ofa_tf.tflite.litert.metadata import add_own_metadata
from tests.support.spaces import MICRO

_NUM_CLASSES = 10


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    """Two subnets of a supernet in int8 that differ in the image size, and one of another depth."""
    supernet = build_supernet(MICRO, _NUM_CLASSES)
    rng = np.random.default_rng(0)
    contents = {}
    large = MICRO.largest()
    archs = {
        "small": MICRO.largest(MICRO.image_sizes[0]),
        "large": large,
        "shallow": MICRO.smallest(),
    }
    for name, arch in archs.items():
        images = rng.standard_normal((16, arch.image_size, arch.image_size, 3), dtype=np.float32)
        calibrate_batch_norm(supernet, [images], arch=arch)
        contents[name] = to_tflite(extract_subnet(supernet, arch), "int8", [images])
    return contents


@pytest.fixture(scope="module")
def elastic(models: Mapping[str, bytes]) -> bytes:
    return merge_models(models)


def _inputs(content: bytes) -> np.ndarray:
    (tensor,) = Interpreter(model_content=content).get_input_details()
    shape = (5, *tensor["shape"][1:])
    return np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)


def _answers(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """What a model of one graph gives."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for values in inputs:
        interpreter.set_tensor(taken["index"], values[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(outputs)


def test_each_signature_gives_to_the_bit_what_its_model_gives(models: Mapping[str, bytes], elastic: bytes) -> None:
    runtime = Interpreter(model_content=elastic)
    assert list(runtime.get_signature_list()) == list(models)
    for name, content in models.items():
        inputs = _inputs(content)
        runner = runtime.get_signature_runner(name)
        together = [runner(images=values[np.newaxis])["scores"][0] for values in inputs]
        np.testing.assert_array_equal(together, _answers(content, inputs))


def test_each_model_can_be_the_one_that_runs_unasked(models: Mapping[str, bytes], elastic: bytes) -> None:
    for name, content in models.items():
        first = with_first_graph(elastic, name)
        inputs = _inputs(content)
        np.testing.assert_array_equal(_answers(first, inputs), _answers(content, inputs))
        assert Interpreter(model_content=first).get_signature_list() == {}
        assert len(first) <= len(elastic)  # what is shared stays shared
    with pytest.raises(InputError, match=r"one of small, large, shallow\. Received: other\."):
        with_first_graph(elastic, "other")


def test_what_is_equal_is_in_the_file_once(models: Mapping[str, bytes], elastic: bytes) -> None:
    """Of two models that differ in the image size, all weights are equal; tables and biases are not shared."""
    pair = merge_models({name: models[name] for name in ("small", "large")})
    apart = len(models["small"]) + len(models["large"])
    assert len(pair) < 0.8 * apart
    again = merge_models({"one": models["large"], "other": models["large"], "third": models["small"]})
    assert len(again) - len(pair) < len(pair) - len(models["large"]) + 2000
    assert len(elastic) < sum(map(len, models.values()))


def test_the_weight_cache_of_xnnpack_does_not_confuse_them(
    models: Mapping[str, bytes], elastic: bytes, tmp_path: Path
) -> None:
    """It knows weights by their places, and equal weights may have different scales."""
    path = tmp_path / "elastic.tflite"
    path.write_bytes(elastic)
    options = Options(
        hardware_accelerators=HardwareAccelerator.CPU,
        cpu_options=CpuOptions(xnnpack_weight_cache_path=str(tmp_path / "weights.cache")),
    )
    for _ in range(2):  # the second time, the cache is there
        compiled = CompiledModel.from_file(str(path), options=options)
        for name, content in models.items():
            inputs = _inputs(content)
            index = compiled.get_signature_index(name)
            taken, given = compiled.create_input_buffers(index), compiled.create_output_buffers(index)
            for values, expected in zip(inputs, _answers(content, inputs), strict=True):
                taken[0].write(np.ascontiguousarray(values[np.newaxis]))
                compiled.run_by_index(index, taken, given)
                np.testing.assert_array_equal(given[0].read(_NUM_CLASSES, np.int8), expected)
        compiled.close()
    assert (tmp_path / "weights.cache").stat().st_size > 0


@pytest.fixture
def elastic_file(elastic: bytes, models: Mapping[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / "elastic.tflite"
    facts = {"signatures": {name: {"output": "logits"} for name in models}}
    path.write_bytes(add_own_metadata(elastic, facts))
    return path


def test_a_signature_is_asked_for_by_name(elastic_file: Path, models: Mapping[str, bytes]) -> None:
    for name, content in models.items():
        alone, together = TFLiteModel(content), TFLiteModel(elastic_file, signature=name)
        images = np.random.default_rng(2).standard_normal((3, alone.image_size, alone.image_size, 3), dtype=np.float32)
        np.testing.assert_array_equal(together.predict(images), alone.predict(images))
    with pytest.raises(InputError, match=r"one of \['small', 'large', 'shallow'\], as .* Received: signature=None"):
        TFLiteModel(elastic_file)
    with pytest.raises(InputError, match="Received: signature='medium'"):
        TFLiteModel(elastic_file, signature="medium")
    with pytest.raises(InputError, match=r"is not elastic\. Received: signature='small'"):
        TFLiteModel(models["small"], signature="small")


def test_the_largest_model_that_keeps_the_deadline_is_chosen(elastic_file: Path) -> None:
    elastic = ElasticModel(elastic_file)
    assert list(elastic.models) == ["small", "large", "shallow"]
    took_ms = {"small": 1.0, "large": 2.0, "shallow": 3.0}

    def run_frames(number: int, deadline_ms: float) -> list[str]:
        chosen = []
        for _ in range(number):
            chosen.append(elastic.choose(deadline_ms))
            elastic.note(chosen[-1], took_ms[chosen[-1]])
        return chosen

    assert set(run_frames(10, 3.5)) == {"shallow"}
    slow = run_frames(100, 2.5)
    assert slow[3:].count("large") > 90  # the others: whether the largest is quick again
    assert 2 <= slow.count("shallow") <= 5

    took_ms["shallow"] = 0.5  # the phone is cool
    assert set(run_frames(100, 2.5)[-10:]) == {"shallow"}
    assert set(run_frames(45, 0.1)[-10:]) == {"small"}  # nothing keeps it
    assert elastic.choose(3.5) == "shallow"  # and ends no pause of a longer one


def test_one_disturbed_run_changes_nothing(elastic_file: Path) -> None:
    elastic = ElasticModel(elastic_file)
    for took_ms in (1.0, 1.0, 9.0, 1.0):
        assert elastic.choose(2.0) == "shallow"
        elastic.note("shallow", took_ms)
    assert elastic.choose(2.0) == "shallow"


def test_predict_within_runs_what_is_chosen(elastic_file: Path) -> None:
    elastic = ElasticModel(elastic_file)
    asked = []

    def images_of_size(size: int) -> np.ndarray:
        asked.append(size)
        return np.zeros((1, size, size, 3), np.float32)

    logits, signature = elastic.predict_within(images_of_size, deadline_ms=1e9)
    assert (logits.shape, signature) == ((1, _NUM_CLASSES), "shallow")
    assert asked == [elastic.models["shallow"].image_size]
    for _ in range(9):
        _, signature = elastic.predict_within(images_of_size, deadline_ms=1e-9)
    assert signature == "small"
    with pytest.raises(InputError, match=r"`deadline_ms` to be above 0\. Received: deadline_ms=-1"):
        elastic.choose(-1)


def test_all_models_share_one_interpreter(elastic_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would keep the file and the packed weights of all signatures in memory."""
    made = []

    def count(*args: Any, **kwargs: Any) -> Any:
        made.append(args)
        return create_interpreter(*args, **kwargs)

    monkeypatch.setattr(interpreter, "create_interpreter", count)
    elastic = ElasticModel(elastic_file)
    assert len(made) == 1
    for model in elastic.models.values():
        images = np.random.default_rng(3).standard_normal((2, model.image_size, model.image_size, 3), dtype=np.float32)
        assert model.predict(images).shape == (2, _NUM_CLASSES)


def test_a_file_of_one_model_is_not_elastic(models: Mapping[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(add_own_metadata(models["small"], {"num_classes": 10}))
    with pytest.raises(InputError, match=r"to be an elastic file, .* Received: a file of one model. Open it as"):
        ElasticModel(path)
