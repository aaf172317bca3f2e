"""TFLite files: reading and changing them, running them with LiteRT, and asking who runs which operator.

Read `interpreter.py` first: `TFLiteModel` is a model file as a function on images.
`metadata.py` reads and writes the facts inside a file, on top of `flatbuffer.py`.
`delegation.py` says what the delegate takes and what memory the activations need, and
`node_tensors.py` which tensor of a model belongs to which node of its graph. LiteRT is
loaded when a function needs it, not before.
"""
