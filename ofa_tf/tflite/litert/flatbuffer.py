"""TFLite files as objects of the schema and back."""

import functools
from typing import Any

import numpy as np

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TFLite file
_ALIGNMENT = 16  # bytes; the TFLite schema demands it of buffers, and kernels rely on it


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


def pack_model(model: Any) -> bytes:
    """Content of the `.tflite` file of a `ModelT`."""
    import flatbuffers

    model.buffers = [_aligned_buffer()(data=buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


@functools.cache
def _aligned_buffer() -> Any:
    """The class of buffers that keep their alignment when they are packed, which the generated code's own do not."""
    from ai_edge_litert import schema_py_generated as schema

    class Aligned(schema.BufferT):
        def Pack(self, builder: Any) -> int:
            payload = np.asarray(self.data, np.uint8).tobytes() if self.data is not None else b""
            if payload:
                builder.StartVector(1, len(payload), _ALIGNMENT)
                builder.head -= len(payload)
                builder.Bytes[builder.head : builder.head + len(payload)] = payload
                vector = builder.EndVector()
            schema.BufferStart(builder)
            if payload:
                schema.BufferAddData(builder, vector)
            return schema.BufferEnd(builder)

    return Aligned
