"""TFLite files as objects of the schema and back."""

from typing import Any

import flatbuffers
import numpy as np

from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.litert.output_operators import finish_output

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TFLite file
_ALIGNMENT = 16  # bytes; the TFLite schema demands it of buffers, and kernels rely on it
_BYTES_BESIDE_BUFFERS = 4096  # that the builder starts with; it grows where they do not suffice


def unpack_model(content: bytes) -> Any:
    """The `ModelT` of a `.tflite` file, all of whose buffers hold their data.

    A file may also keep data behind the flatbuffer, as LiteRT Quantizer writes
    them; older runtimes do not read that.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    for buffer in model.buffers:
        if buffer.data is None and buffer.size:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
    return model


def repack_classifier(content: bytes, output_format: OutputFormat) -> bytes:
    """A classifier as it is shipped: with what stands behind its last layer, and its buffers where kernels rely on.

    Converters leave most buffers elsewhere, and data behind the flatbuffer, where older runtimes do not look.

    Args:
        content: Content of a `.tflite` file, whose output are logits.
        output_format: What it shall give.

    Raises:
        InputError: See `finish_output`.
    """
    model = unpack_model(content)
    finish_output(model, output_format)
    return pack_model(model)


def pack_model(model: Any) -> bytes:
    """Content of the `.tflite` file of a `ModelT`.

    Equal vectors and strings are written once: the zero points of int8 weights are a tenth
    of a file otherwise. Buffers are not shared: the weight cache of XNNPACK would take
    equal ones that have different scales for the same weights.
    """
    model.buffers = [_AlignedBuffer(buffer.data) for buffer in model.buffers]
    num_bytes = sum(buffer.num_bytes for buffer in model.buffers)
    builder = _SharingBuilder(num_bytes + _BYTES_BESIDE_BUFFERS)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """A builder that writes equal vectors of numbers, and equal strings, once.

    Args:
        initial_size: Bytes to begin with.
    """

    def __init__(self, initial_size: int) -> None:
        super().__init__(initial_size)
        self._offsets: dict[Any, int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """Write a vector, unless an equal one of the same type is there; called by `Pack`."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._offsets:
            self._offsets[key] = super().CreateNumpyVector(x)
        return self._offsets[key]

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:
        """Write a string, unless an equal one is there; called by `Pack`."""
        key = s.encode(encoding, errors) if isinstance(s, str) else s
        if key not in self._offsets:
            self._offsets[key] = super().CreateString(s, encoding, errors)
        return self._offsets[key]


class _AlignedBuffer:
    """A `BufferT` that keeps its alignment when it is packed, which that of the generated code does not.

    Args:
        data: The bytes, a sequence of numbers; `None`: none.
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    @property
    def num_bytes(self) -> int:
        """Length of the data."""
        return 0 if self.data is None else len(self.data)

    def Pack(self, builder: Any) -> int:
        """Write the buffer to a flatbuffer; called by `ModelT.Pack`."""
        from ai_edge_litert import schema_py_generated as schema

        if self.num_bytes == 0:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        vector = self._pack_data(builder)
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)

    def _pack_data(self, builder: Any) -> Any:
        """Write the data as an aligned vector; a flatbuffer is filled from its end to its beginning."""
        payload = np.asarray(self.data, np.uint8).tobytes()
        builder.StartVector(1, len(payload), _ALIGNMENT)
        builder.head -= len(payload)
        builder.Bytes[builder.head : builder.head + len(payload)] = payload
        return builder.EndVector()
