"""Conversion: from a Keras subnet, or a graph, to the content of a TFLite file.

Read `to_tflite.py` first, which names the steps. It prepares a `Conversion`
(`conversion.py`), which is plain data until it is run; `converter.py` calls
TensorFlow's converter. `options.py` holds what a user chooses, and loads no
TensorFlow; `representative_images.py` checks the images that set the ranges of
integers. `for_measuring.py` converts what is only to be measured.
"""
