"""TFLite's standard metadata: what many apps' libraries, such as MediaPipe Tasks, read of a model.

They are a small flatbuffer of a schema of their own (`metadata_schema.fbs` of TensorFlow Lite Support), and the
names of the classes, one a line, in an uncompressed ZIP archive behind the model. The schema's Python code is in
packages that are large or no longer kept, so the few tables that a classifier needs are written here by the numbers of
their fields.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers

from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.output_format import OutputFormat

ENTRY = "TFLITE_METADATA"  # name of the metadata entry
LABELS_FILE = "labels.txt"

_IDENTIFIER = b"M001"  # of a flatbuffer of the schema
_MIN_PARSER_VERSION = "1.0.0"

# Values of the schema's enumerations and unions.
_TENSOR_AXIS_LABELS = 2
_RGB = 1
_IMAGE_PROPERTIES = 2
_FEATURE_PROPERTIES = 1
_NORMALIZATION_OPTIONS = 1

_LARGEST_PIXEL = 255.0


def standard_metadata(facts: Mapping[str, Any]) -> bytes:
    """A classifier's standard metadata.

    Args:
        facts: What its own metadata say, see `ofa_tf.tflite.shipping.sidecar.describe`.

    Returns:
        The flatbuffer.
    """
    builder = flatbuffers.Builder(1024)
    image = _describe_image(builder, facts)
    output = _describe_output(builder, facts)
    graph = _table(
        builder,
        num_fields=9,
        offsets={2: _vector(builder, [image]), 3: _vector(builder, [output])},
    )
    arch = facts["arch"]
    names = {
        0: builder.CreateString(f"{arch['space']} subnet"),
        1: builder.CreateString(f"Tells {facts['num_classes']} classes of images apart. Made with ofa_tf."),
        7: builder.CreateString(_MIN_PARSER_VERSION),
    }
    model = _table(builder, num_fields=8, offsets={**names, 3: _vector(builder, [graph])})
    builder.Finish(model, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def append_labels(content: bytes, class_names: Sequence[str]) -> bytes:
    """A model with the names of its classes behind it, in a ZIP archive; readers of the model do not see it.

    Args:
        content: Content of a `.tflite` file.
        class_names: In the order of the output.
    """
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        # Without a date, so that equal models are equal files.
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), labels_text(class_names))
    return file.getvalue()


def check_labels(content: bytes) -> None:
    """Check that a model's file does not end before the names of its classes do.

    Raises:
        ValueError: If it does.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("it ends before the names of its classes do")


def labels_text(class_names: Sequence[str]) -> str:
    """The names of classes, one a line; none is empty, as programs that skip such lines would shift the others."""
    lines = []
    for number, name in enumerate(class_names):
        words = name.split()  # a name may hold what would end its line
        line = " ".join(words) or f"class {number}"
        lines.append(f"{line}\n")
    return "".join(lines)


def _describe_image(builder: flatbuffers.Builder, facts: Mapping[str, Any]) -> int:
    """`TensorMetadata` of the input."""
    mean, std = _normalization(InputFormat.from_facts(facts))
    options = _table(
        builder,
        num_fields=2,
        offsets={0: _floats(builder, mean), 1: _floats(builder, std)},
    )
    normalization = _table(builder, num_fields=2, numbers={0: _NORMALIZATION_OPTIONS}, offsets={1: options})
    properties = _table(builder, num_fields=2, numbers={0: _RGB})
    content = _table(builder, num_fields=3, numbers={0: _IMAGE_PROPERTIES}, offsets={1: properties})
    return _table(
        builder,
        num_fields=7,
        offsets={
            0: builder.CreateString("image"),
            1: builder.CreateString("An upright image: red, green and blue of its pixels."),
            3: content,
            4: _vector(builder, [normalization]),
        },
    )


def _describe_output(builder: flatbuffers.Builder, facts: Mapping[str, Any]) -> int:
    """`TensorMetadata` of the output."""
    properties = _table(builder, num_fields=0)
    content = _table(builder, num_fields=3, numbers={0: _FEATURE_PROPERTIES}, offsets={1: properties})
    offsets = {
        0: builder.CreateString(OutputFormat.from_facts(facts).content),
        1: builder.CreateString("A number a class: the largest is the answer."),
        3: content,
    }
    if facts.get("class_names") is not None:
        labels = _table(
            builder,
            num_fields=5,
            numbers={2: _TENSOR_AXIS_LABELS},
            offsets={
                0: builder.CreateString(LABELS_FILE),
                1: builder.CreateString("Names of the classes, one a line."),
            },
        )
        offsets[6] = _vector(builder, [labels])
    return _table(builder, num_fields=7, offsets=offsets)


def _normalization(input_format: InputFormat) -> tuple[Sequence[float], Sequence[float]]:
    """What to subtract from pixels from 0 to 255, and what to divide by: a number for all channels, or one each."""
    if input_format.is_uint8:
        return [0.0], [1.0]
    if input_format.input_type == "float32":
        return [0.0], [_LARGEST_PIXEL]
    return input_format.mean, input_format.std


def _table(
    builder: flatbuffers.Builder,
    *,
    num_fields: int,
    numbers: Mapping[int, int] | None = None,
    offsets: Mapping[int, int] | None = None,
) -> int:
    """Write a table.

    Args:
        builder: Where to.
        num_fields: Fields of its kind in the schema.
        numbers: Values of fields that are a byte, by the field's number in the schema.
        offsets: Where the values of other fields have been written.

    Returns:
        Where the table was written.
    """
    builder.StartObject(num_fields)
    for field, number in (numbers or {}).items():
        builder.PrependUint8Slot(field, number, 0)
    for field, offset in (offsets or {}).items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    """Write a vector of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    """Write a vector of float32."""
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
