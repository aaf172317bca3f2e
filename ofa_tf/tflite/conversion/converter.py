"""A graph with float activations to a TFLite model, by TensorFlow's converter."""

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.graph import INPUT, Graph


def convert_float_graph(
    graph: Graph,
    *,
    float16_weights: bool = False,
    takes_uint8: bool = False,
) -> bytes:
    """Convert a graph with float activations; batch 1.

    A concrete function without variables goes straight to the converter's
    frozen-graph path, which is several times faster than
    `TFLiteConverter.from_keras_model`.

    Args:
        graph: What to convert. Heights and widths that it leaves open can be set
            later by the interpreter.
        float16_weights: Whether weights are stored in half of the bits.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
    """
    import tensorflow as tf

    from ofa_tf.tflite.graph.tensorflow_runner import run_graph

    def run(images: tf.Tensor) -> tf.Tensor:
        return run_graph(graph, tf.cast(images, tf.float32))

    dtype = tf.uint8 if takes_uint8 else tf.float32
    signature = [tf.TensorSpec((1, *graph.input_shape), dtype, name=INPUT)]
    function = tf.function(run, input_signature=signature, autograph=False)

    with withheld_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        if float16_weights:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
