"""An inference network as plain data, between Keras, which it is read from, and TensorFlow, which runs it.

Lowering and quantization change networks; on data they are short functions from graph to graph, with names of nodes
that stay those of the Keras layers. Read `graph.py` first (`Node`, `Graph`), then `nodes.py`, which makes the
simple nodes, `keras_reader.py` and `layer_readers.py`, which read a model, and `tensorflow_runner.py`, which runs a
graph. `input_format.py` puts the normalisation of images in front of one, and `output_format.py` says what stands
behind it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["nodes"],
    submod_attrs={
        "graph": ["Graph", "INPUT", "KEEPS_RANGE", "LINEAR", "Node"],
        "input_format": ["INPUT_TYPES", "InputFormat", "NORMALIZED", "UINT8", "check_input_type"],
        "output_format": ["COMPUTED_LOGITS", "FLOAT32", "LOGITS", "OUTPUT_TYPES", "OutputFormat", "PROBABILITIES"],
        "keras_reader": ["read_keras"],
        "nodes": ["Borders"],
        "tensorflow_runner": ["iterate_outputs", "run_all", "run_graph", "run_node"],
    },
)
