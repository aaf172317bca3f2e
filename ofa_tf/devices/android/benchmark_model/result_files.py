"""The files in which LiteRT's `benchmark_model` says what it found: protocol buffers, in binary.

Their messages are described here, as far as they are read. Classes of the second come with LiteRT's package, too, but
TensorFlow has others of the same names, and a process takes only one of them.

Reference: `tflite/tools/benchmark/proto/benchmark_result.proto` and `tflite/profiling/proto/model_runtime_info.proto`
of LiteRT.
"""

import functools
import math
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput

_BYTES_PER_MB = 2**20
_ADVICE = "Call again, or take the program of another version."

_PACKAGE = "result_files"
_REPEATED = "repeated "
# Message -> field -> its number and its type. What the program writes besides is passed over.
_MESSAGES = {
    "LatencyMetrics": {
        "avg_ms": (1, "float"),
        "median_ms": (5, "float"),
        "p5_ms": (6, "float"),
        "p95_ms": (7, "float"),
    },
    "MemoryMetrics": {"peak_mem_mb": (3, "float")},
    "MiscMetrics": {"num_runs": (2, "int32")},
    "BenchmarkResult": {
        "latency_metrics": (2, "LatencyMetrics"),
        "memory_metrics": (3, "MemoryMetrics"),
        "misc_metrics": (4, "MiscMetrics"),
    },
    "DelegateNodeDetails": {"delegate_name": (1, "string")},
    "Node": {"id": (1, "int32"), "delegate_node_details": (8, "DelegateNodeDetails")},
    "RuntimeSubgraph": {"nodes": (3, "repeated Node"), "execution_plan": (4, "repeated int32")},
    "ModelRuntimeDetails": {"subgraphs": (2, "repeated RuntimeSubgraph")},
}


def read_result_files(result: bytes, runtime_info: bytes) -> BenchmarkOutput:
    """What a call found.

    Args:
        result: Content of the file that `--result_file_path` names, a `BenchmarkResult`.
        runtime_info: Content of the file that `--model_runtime_info_output_file` names, a
            `ModelRuntimeDetails`.

    Raises:
        InputError: If one of them is damaged, or says that nothing was measured.
    """
    message = _parse("BenchmarkResult", result)
    latency = message.latency_metrics
    num_runs = message.misc_metrics.num_runs
    mean_ms = latency.avg_ms
    if num_runs < 1 or not (math.isfinite(mean_ms) and mean_ms > 0):
        raise InputError(
            "Expected benchmark_model to write a positive time and a number of runs. "
            f"Received: {mean_ms:g} ms in {num_runs} runs. {_ADVICE}"
        )
    delegates, num_partitions, num_undelegated = _read_runtime_info(runtime_info)
    peak_mb = message.memory_metrics.peak_mem_mb
    return BenchmarkOutput(
        num_runs=num_runs,
        mean_us=1000 * mean_ms,
        median_us=1000 * latency.median_ms if latency.HasField("median_ms") else None,
        p5_us=1000 * latency.p5_ms if latency.HasField("p5_ms") else None,
        p95_us=1000 * latency.p95_ms if latency.HasField("p95_ms") else None,
        peak_ram_bytes=round(peak_mb * _BYTES_PER_MB) if peak_mb > 0 else None,
        num_partitions=num_partitions,
        num_undelegated=num_undelegated,
        delegates=delegates,
    )


def _read_runtime_info(content: bytes) -> tuple[tuple[str, ...], int, int]:
    """The delegates, each once, the number of partitions, and that of operators that no delegate took.

    The program compiles all graphs of a file, and does not say which one it ran. The first counts: those of a piece
    differ in their sizes only, and of an elastic file the one to be measured is put first.
    """
    details = _parse("ModelRuntimeDetails", content)
    if not details.subgraphs or not details.subgraphs[0].execution_plan:
        raise InputError(f"Expected benchmark_model to write what runs where. Received: no graph. {_ADVICE}")
    graph = details.subgraphs[0]
    nodes = {node.id: node for node in graph.nodes}
    delegates: dict[str, None] = {}
    num_undelegated = 0
    num_partitions = 0
    was_undelegated = False
    for number in graph.execution_plan:
        if number not in nodes:
            raise InputError(
                "Expected benchmark_model to write what runs where. "
                f"Received: node {number}, of which nothing is said. {_ADVICE}"
            )
        node = nodes[number]
        is_undelegated = not node.HasField("delegate_node_details")
        if is_undelegated:
            num_undelegated += 1
        else:
            delegates[node.delegate_node_details.delegate_name] = None
        # What a delegate took is a node of its own; operators of the CPU that follow each other are one partition.
        if not (is_undelegated and was_undelegated):
            num_partitions += 1
        was_undelegated = is_undelegated
    return tuple(delegates), num_partitions, num_undelegated


def _parse(name: str, content: bytes) -> Any:
    """A message from its bytes.

    Args:
        name: One of `_MESSAGES`.
        content: The bytes.

    Raises:
        InputError: If they are none.
    """
    from google.protobuf.message import DecodeError

    message = _message_class(name)()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise InputError(
            f"Expected benchmark_model to write a protocol buffer, {name}. "
            f"Received: {len(content)} bytes that are none. {_ADVICE}"
        ) from error
    return message


def _message_class(name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_descriptors().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@functools.cache
def _descriptors() -> Any:
    """The descriptions of all messages, apart from those that others have loaded."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    types = descriptor_pb2.FieldDescriptorProto
    scalar_types = {"float": types.TYPE_FLOAT, "int32": types.TYPE_INT32, "string": types.TYPE_STRING}
    file = descriptor_pb2.FileDescriptorProto(name="result_files.proto", package=_PACKAGE, syntax="proto2")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind) in fields.items():
            is_repeated = kind.startswith(_REPEATED)
            kind = kind.removeprefix(_REPEATED)
            field = message.field.add(name=name, number=number)
            field.label = types.LABEL_REPEATED if is_repeated else types.LABEL_OPTIONAL
            if kind in scalar_types:
                field.type = scalar_types[kind]
            else:
                field.type = types.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool
