"""Conversion: from a Keras subnet, or a graph, to the content of a TFLite file.

Read `keras_to_tflite.py` first, which names the steps. It prepares a `Conversion` (`conversion.py`), which is plain
data until it is run; `converter.py` calls TensorFlow's converter. `options.py` holds what a user chooses, and loads no
TensorFlow, and `presets.py` what goes together for libraries of apps; `representative_images.py` checks the images that
set the ranges of integers. `for_measuring.py` converts what is only to be measured.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "conversion": ["Conversion"],
        "for_measuring": ["convert_graph_for_measuring", "convert_subnet_for_measuring"],
        "keras_to_tflite": ["prepare_conversion", "to_tflite"],
        "options": ["ExportOptions"],
        "presets": ["EXPORT_PRESETS", "ExportPreset", "preset_help"],
        "representative_images": ["random_images"],
    },
)
