"""What an export would write is known, and refused where it must be, before the work begins."""

import json
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.modes import DYNAMIC, FLOAT16, INT8, NOT_QUANTIZED, QAT, QuantizationMode
from ofa_tf.workflow.export_plan import (
    find_other_form,
    plan_exports,
    plan_file_limit,
    plan_limits,
    search_facts,
    searched_for_such,
    warn_of_other_form,
)
from tests.support.spaces import SMALL


def _options(mode: QuantizationMode) -> ExportOptions:
    return ExportOptions(mode.name)


@pytest.mark.parametrize(
    ("precision", "mode", "other"),
    [
        ("float32", NOT_QUANTIZED, None),
        ("float32", FLOAT16, "float32"),
        ("float32", INT8, "float32"),
        ("int8", INT8, None),
        ("int8", QAT, None),
        ("int8", NOT_QUANTIZED, "int8"),
        ("int3", INT8, "int3"),
    ],
)
def test_an_arch_that_was_searched_in_another_precision_is_noticed(
    precision: str, mode: QuantizationMode, other: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": precision})
    assert find_other_form(str(path), _options(mode)) == other


@pytest.mark.parametrize(
    ("limits", "other"),
    [({"macs": 1e6}, None), ({"macs": 1e6, "size_bytes": 1e5}, "float32"), ({"of_a_plugin": 1}, "float32")],
)
def test_the_precision_does_not_matter_where_nothing_that_depends_on_it_was_limited(
    limits: dict, other: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": "float32", "limits": limits})
    assert find_other_form(str(path), _options(INT8)) == other


@pytest.mark.parametrize(
    ("precision", "mode", "advice"),
    [
        ("float32", INT8, "search again with --precision=int8 or export with --quantization=none."),
        ("int8", NOT_QUANTIZED, "search again with --precision=float32 or export with --quantization=int8."),
        ("float32", DYNAMIC, "To keep the limits, export with --quantization=none."),  # no search is of such models
        ("int3", INT8, "To keep the limits, search again with --precision=int8."),
        ("int3", DYNAMIC, "and the limits of the search are not checked."),  # a plugin's, which was not loaded
    ],
)
def test_the_warning_of_another_precision_names_both_and_what_to_do(
    precision: str, mode: QuantizationMode, advice: str, tmp_path: Path
) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": precision})
    warning = warn_of_other_form(str(path), _options(mode))
    assert warning is not None
    assert warning.startswith(f"{path} was searched with --precision={precision}, but --quantization={mode.name} is ")
    assert warning.endswith(advice)
    assert warn_of_other_form("max", _options(mode)) is None


def test_the_warning_of_another_precision_tells_no_limits_where_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    entries = [{"arch": SMALL.smallest().to_dict(), "costs": {"latency_ms": 0.5}}]
    front = {"schema": "ofa_tf/front/1", "precision": "float32", "limits": {}, "entries": entries}
    path.write_text(json.dumps(front))
    warning = warn_of_other_form(f"{path}:0", _options(INT8))
    assert warning is not None
    assert warning.endswith(" that the search told are not those of this model.")


@pytest.mark.parametrize(("precision", "mode"), [("int8", NOT_QUANTIZED), ("float32", INT8)])
def test_another_precision_is_told_also_where_the_limits_do_not_depend_on_it(
    precision: str, mode: QuantizationMode, tmp_path: Path
) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": precision, "limits": {"macs": 1e6}})
    told = f"{path} was searched with --precision={precision}, but --quantization={mode.name} is asked for: it was"
    warning = warn_of_other_form(str(path), _options(mode))
    assert warning is not None
    assert warning.startswith(told)
    assert warning.endswith("its limits hold for this one, too.")
    same = {"int8": INT8, "float32": NOT_QUANTIZED}[precision]
    assert warn_of_other_form(str(path), _options(same)) is None


def test_an_arch_that_was_searched_for_another_target_is_told_with_both(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    notes = {"target": "gpu", "precision": "float32", "limits": {"latency_ms": 1.0}}
    SMALL.smallest().save(path, notes=notes)
    assert find_other_form(str(path), ExportOptions("none", target="gpu")) is None
    assert find_other_form(str(path), ExportOptions("none")) == "gpu float32"
    assert _limits_of(path, ExportOptions("none")) == {}
    assert _limits_of(path, ExportOptions("none", target="gpu")) == {"latency_ms": 1.0}
    warning = warn_of_other_form(str(path), ExportOptions("none"))
    assert warning is not None
    assert "was searched with --target=gpu --precision=float32, but --target=cpu --quantization=none is" in warning
    assert warning.endswith(
        "search again with --target=cpu --precision=float32 or export with --target=gpu --quantization=none."
    )


def test_an_arch_whose_latency_was_told_for_another_input_is_told(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    notes = {"precision": "int8", "input_type": "uint8", "costs": {"latency_ms": 1.0}, "limits": {"latency_ms": 1.0}}
    SMALL.smallest().save(path, notes=notes)
    assert warn_of_other_form(str(path), ExportOptions("int8", input_type="uint8")) is None
    warning = warn_of_other_form(str(path), ExportOptions("int8"))
    assert warning is not None
    assert "--input_type=uint8, but --input_type=normalized is asked for: the latency" in warning


@pytest.mark.parametrize(
    ("search", "changes", "is_for_such"),
    [
        ({}, {}, True),
        ({"precision": "int8", "limits": {"latency_ms": 1.0}}, {}, True),
        ({"precision": "int8", "limits": {"latency_ms": 1.0}}, {"input_type": "uint8"}, False),
        ({"precision": "int8", "limits": {"size_bytes": 1.0}}, {"input_type": "uint8"}, True),
        ({"precision": "int8", "limits": {"latency_ms": 1.0}}, {"float_layers": ("stem*",)}, False),
        ({"precision": "int8", "limits": {"latency_ms": 1.0}}, {"target": "npu"}, False),
        ({"precision": "float32", "limits": {"latency_ms": 1.0}}, {}, False),
        ({"precision": "float32", "limits": {"macs": 1.0}}, {}, True),
        ({"precision": "int3", "limits": {"latency_ms": 1.0}}, {}, False),
    ],
)
def test_what_a_search_said_is_said_of_models_like_its_own(search: dict, changes: dict, is_for_such: bool) -> None:
    assert searched_for_such(search, ExportOptions("int8", **changes)) == is_for_such


def test_float_layers_are_not_what_a_latency_was_told_of(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": "int8", "costs": {"latency_ms": 1.0}, "limits": {}})
    warning = warn_of_other_form(str(path), ExportOptions("int8", float_layers=("stem*",)))
    assert warning is not None
    assert "--float_layers is asked for: the latency that the search told is not that of this model" in warning


def _limits_of(path: Path, options: ExportOptions) -> dict[str, float]:
    output = str(path.with_name("model.tflite"))
    return plan_limits(plan_exports(SMALL, [str(path)], output), options).get(output, {})


def test_each_arch_of_a_folder_keeps_the_limits_of_its_own_search(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    archs = {"a": SMALL.smallest(), "b": SMALL.largest()}
    for name, arch in archs.items():
        arch.save(folder / f"{name}.json", notes={"precision": "float32", "limits": {"size_bytes": float(ord(name))}})
    output = str(tmp_path / "models")
    paths = {name: f"{output}/{name}.tflite" for name in archs}
    assert _planned_archs([str(folder)], output) == {paths[name]: arch for name, arch in archs.items()}
    limits = plan_limits(plan_exports(SMALL, [str(folder)], output), _options(NOT_QUANTIZED))
    assert limits == {paths["a"]: {"size_bytes": 97}, paths["b"]: {"size_bytes": 98}}


def test_the_models_of_a_folder_or_a_front_lie_in_a_folder_also_where_there_is_one(tmp_path: Path) -> None:
    found = tmp_path / "found"
    arch = SMALL.largest()
    arch.save(found / "mine.json")
    front = tmp_path / "front.json"
    front.write_text(json.dumps({"schema": "ofa_tf/front/1", "entries": [{"arch": arch.to_dict()}]}))
    models = tmp_path / "models"
    model = str(tmp_path / "model.tflite")
    for text, name in ((str(found), "mine"), (str(front), "front_0")):
        assert _planned_archs([text], str(models)) == {f"{models}/{name}.tflite": arch}
        with pytest.raises(InputError, match=r"Expected --output to be a folder for 1 arch\. Received: .*model.tflite"):
            plan_exports(SMALL, [text], model)
    for text in (str(found / "mine.json"), f"{front}:0", "max"):
        assert _planned_archs([text], model) == {model: arch}


def test_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Expected the names of --arch, .*Received: max,max\. Name each once; rename"):
        plan_exports(SMALL, ["max", "max"], str(tmp_path))


def test_a_front_and_each_of_its_archs_have_the_notes_of_the_front(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    archs = [SMALL.smallest(), SMALL.largest()]
    front = {"precision": "float32", "limits": {"size_bytes": 1e5}}

    def write(cost: str) -> None:
        entries = [{"arch": arch.to_dict(), "costs": {cost: 1.0}} for arch in archs]
        path.write_text(json.dumps({"schema": "ofa_tf/front/1", **front, "entries": entries}))

    write("macs")
    output = str(tmp_path / "model.tflite")
    assert _planned_archs([f"{path}:1"], output) == {output: archs[1]}
    assert plan_limits(plan_exports(SMALL, [f"{path}:1"], output), _options(NOT_QUANTIZED)) == {
        output: {"size_bytes": 1e5}
    }
    folder = str(tmp_path / "models")
    paths = [f"{folder}/front_0.tflite", f"{folder}/front_1.tflite"]
    assert _planned_archs([str(path)], folder) == dict(zip(paths, archs, strict=True))
    assert list(plan_limits(plan_exports(SMALL, [str(path)], folder), _options(NOT_QUANTIZED))) == paths
    assert find_other_form(f"{path}:0", _options(INT8)) == "float32"
    front["limits"] = {}
    write("macs")
    assert find_other_form(str(path), _options(INT8)) is None
    write("latency_ms")
    assert find_other_form(str(path), _options(INT8)) == "float32"


def test_nothing_is_known_of_archs_without_notes(tmp_path: Path) -> None:
    SMALL.smallest().save(tmp_path / "arch.json")
    assert find_other_form(str(tmp_path / "arch.json"), _options(INT8)) is None
    assert find_other_form("max", _options(INT8)) is None


def test_the_limits_of_a_search_are_those_of_its_models_in_the_same_precision(tmp_path: Path) -> None:
    limited = tmp_path / "limited.json"
    limits = {"size_bytes": 1e5, "macs": 2e6}
    SMALL.smallest().save(limited, notes={"precision": "int8", "limits": limits})
    free = tmp_path / "free.json"
    SMALL.largest().save(free)
    output = str(tmp_path / "model.tflite")
    folder = str(tmp_path / "models")

    assert plan_limits(plan_exports(SMALL, [str(limited)], output), _options(QAT)) == {output: limits}
    assert plan_limits(plan_exports(SMALL, [str(limited)], output), _options(NOT_QUANTIZED)) == {}
    assert plan_limits(plan_exports(SMALL, [str(free)], output), _options(INT8)) == {}
    several = plan_limits(plan_exports(SMALL, [str(limited), "max", str(free)], folder), _options(INT8))
    assert several == {f"{folder}/limited.tflite": limits}
    assert several.keys() < plan_exports(SMALL, [str(limited), "max", str(free)], folder).keys()


def _planned_archs(arch_texts: list[str], output: str) -> dict[str, Arch]:
    """The archs that would be exported, by the paths of their models."""
    return {path: export.arch for path, export in plan_exports(SMALL, arch_texts, output).items()}


def test_what_a_search_reported_goes_with_its_arch(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    reported = {"reported_top1": 0.9, "reported_standard_error": 0.01, "num_report_images": 700}
    notes = {**reported, "precision": "float32", "device": "host", "limits": {"macs": 1e6}, "measured_search_top1": 1}
    SMALL.smallest().save(path, notes=notes)
    (export,) = plan_exports(SMALL, [str(path)], str(tmp_path / "m.tflite")).values()
    expected = {**reported, "precision": "float32", "device": "host", "limits": {"macs": 1e6}}
    assert search_facts(export) == {**expected, "accuracy_precision": "float32"}

    SMALL.smallest().save(path, notes={**reported, "precision": "int8"})
    assert "accuracy_precision" not in search_facts(export)  # nothing says whether int8 models were measured
    SMALL.smallest().save(path, notes={**reported, "precision": "int8", "predictor_quality": {"num_computed": 3}})
    assert search_facts(export)["accuracy_precision"] == "int8"
    SMALL.smallest().save(path, notes={**reported, "precision": "int8", "accuracy_precision": "float32"})
    assert search_facts(export)["accuracy_precision"] == "float32"  # latencies of int8 models, accuracies of float ones

    SMALL.smallest().save(path, notes={**notes, "device": "adb:1.2.3.4:5"})
    assert search_facts(export)["device"] == "adb"  # what identifies a phone is not handed on

    (named,) = plan_exports(SMALL, ["max"], str(tmp_path / "m.tflite")).values()
    assert search_facts(named) == {}


def test_each_arch_of_a_front_goes_with_what_was_reported_of_it(tmp_path: Path) -> None:
    archs = [SMALL.smallest(), SMALL.largest()]
    entries = [{"arch": arch.to_dict(), "reported_top1": number / 4} for number, arch in enumerate(archs, start=1)]
    path = tmp_path / "front.json"
    path.write_text(json.dumps({"schema": "ofa_tf/front/1", "precision": "float32", "entries": entries}))
    for text in (str(path), f"{path}:1"):
        exports = plan_exports(SMALL, [text], str(tmp_path / "models" if text == str(path) else tmp_path / "m.tflite"))
        *_, last = exports.values()
        assert last.arch == SMALL.largest()
        assert search_facts(last)["reported_top1"] == 0.5
        assert search_facts(last)["precision"] == "float32"


def test_the_limit_of_a_family_s_file_holds_for_models_of_its_form(tmp_path: Path) -> None:
    path = tmp_path / "family.json"
    entry = {"arch": SMALL.smallest().to_dict(), "costs": {"latency_ms": 1.0}}
    document = {
        "schema": "ofa_tf/front/1",
        "precision": "int8",
        "limits": {},
        "family": {"file_bytes": 900, "max_file_bytes": 1000.0},
        "entries": [entry],
    }
    path.write_text(json.dumps(document))
    assert plan_file_limit([str(path)], _options(INT8)) == 1000
    assert plan_file_limit([str(path), "max"], _options(INT8)) is None
    assert plan_file_limit([str(path)], _options(NOT_QUANTIZED)) is None
    warning = warn_of_other_form(str(path), _options(NOT_QUANTIZED))
    assert warning is not None
    assert "and the limits of the search are not checked" in warning
    path.write_text(json.dumps({**document, "family": {"file_bytes": 900, "max_file_bytes": None}}))
    assert plan_file_limit([str(path)], _options(INT8)) is None
    assert "limits of the search" not in str(warn_of_other_form(str(path), _options(NOT_QUANTIZED)))
