"""A model that documents show programs of: three classes, the bytes of a camera, int8."""

from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse

DOCUMENTED_MODEL = ModelUse(
    file_name="model.tflite",
    image_size=160,
    labels=("cat", "dog", "horse"),
    input_format=InputFormat("uint8", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    input_tensor=TensorUse("uint8", scale=1.0, zero_point=0),
    output_tensor=TensorUse("int8", scale=0.09375, zero_point=-12),
    crop_fraction=0.875,
)
