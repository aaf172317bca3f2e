"""Where a `.tflite` file has its data."""


def buffer_places(content: bytes) -> list[tuple[int, int]]:
    """Offset and length, bytes, of each buffer that holds something."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    places = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength():
            offset = buffer._tab.Vector(buffer._tab.Offset(4))
            places.append((offset, buffer.DataLength()))
    return places
