"""TFLite files: reading and changing them, running them with LiteRT, and asking who runs which operator.

Read `interpreter.py` first: `TFLiteModel` is a model file as a function on images. `metadata.py` reads and writes the
facts inside a file, on top of `flatbuffer.py`, and with `standard_metadata.py` those that libraries of apps read.
`merged_model.py` makes one file of several models, among which `elastic_model.py` chooses while a program runs;
`fixed_shapes.py` makes a model of one input size.
`output_operators.py` appends what stands behind a model's last layer. `delegation.py` says what the delegate takes,
`arena_size.py` what memory the activations need, `micro_arena.py` what TFLite Micro needs, and `node_tensors.py` which
tensor of a model belongs to which node of its graph. LiteRT is loaded when a function needs it, not before.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "arena_size": ["measure_arena"],
        "delegation": ["Delegation", "inspect_delegation"],
        "fixed_shapes": ["with_input_shape"],
        "flatbuffer": ["repack_classifier", "unpack_model"],
        "interpreter": [
            "SMALLEST_PROBABILITY",
            "TFLiteModel",
            "create_interpreter",
            "create_undelegated_interpreter",
            "dequantize",
            "describe_model",
            "quantize",
        ],
        "merged_model": ["INPUT_NAME", "OUTPUT_NAME", "merge_models", "with_first_graph"],
        "metadata": ["add_metadata", "add_own_metadata", "find_metadata", "read_metadata", "read_tflite"],
        "micro_arena": ["MicroArena", "is_micro_installed", "measure_micro_arena"],
        "node_tensors": ["tensors_of_nodes"],
        "standard_metadata": ["labels_text"],
    },
)
