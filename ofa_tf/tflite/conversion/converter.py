"""A graph with float activations to a TFLite model, by TensorFlow's converter."""

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.graph import INPUT, Graph

_OUTPUT = "Identity"


def convert_float_graph(
    graph: Graph,
    *,
    float16_weights: bool = False,
    takes_uint8: bool = False,
) -> bytes:
    """Convert a graph with float activations; batch 1.

    TensorFlow's graph is written without tracing a function, and is frozen from the
    start, as it has no variables. The converter of TensorFlow 1 takes it as it is; it is
    the same converter, but that of TensorFlow 2 freezes it once more, in as much time.

    Args:
        graph: What to convert. Heights and widths that it leaves open can be set
            later by the interpreter.
        float16_weights: Whether weights are stored in half of the bits.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
    """
    import tensorflow as tf

    from ofa_tf.tflite.graph.tensorflow_runner import run_graph

    dtype = tf.uint8 if takes_uint8 else tf.float32
    tensorflow_graph = tf.Graph()
    with tensorflow_graph.as_default():
        images = tf.compat.v1.placeholder(dtype, (1, *graph.input_shape), name=INPUT)
        output = run_graph(graph, tf.cast(images, tf.float32))
        output = tf.identity(output, name=_OUTPUT)

    with withheld_stderr():
        converter = tf.compat.v1.lite.TFLiteConverter(tensorflow_graph.as_graph_def(), [images], [output])
        if float16_weights:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
