"""A graph to a TFLite model, by TensorFlow's converter."""

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.graph import INPUT, Graph


def convert(graph: Graph, quantization: str = "none", takes_uint8: bool = False) -> bytes:
    """Convert a graph with float activations; batch 1.

    A concrete function without variables goes straight to the converter's
    frozen-graph path, which is several times faster than
    `TFLiteConverter.from_keras_model`.

    Args:
        graph: What to convert. Heights and widths that it leaves open can be set
            later by the interpreter.
        quantization: `"none"` or `"float16"`, see `to_tflite`.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
    """
    import tensorflow as tf

    from ofa_tf.tflite.graph.tensorflow_runner import run_graph

    kind = tf.uint8 if takes_uint8 else tf.float32
    signature = [tf.TensorSpec((1, *graph.input_shape), kind, name=INPUT)]
    function = tf.function(
        lambda x: run_graph(graph, tf.cast(x, tf.float32)), input_signature=signature, autograph=False
    )
    with withheld_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        if quantization == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
