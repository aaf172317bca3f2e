"""Metadata of a model, as `ofa_tf.tflite.shipping.sidecar.describe` writes them, as far as their readers need them."""

from typing import Any

FACTS: dict[str, Any] = {
    "arch": {"space": "mobilenet_v3_tiny"},
    "num_classes": 2,
    "class_names": ["Äpfel", "pears"],
    "input_type": "normalized",
    "normalization": {"mean": [0.5, 0.25, 0.125], "std": [1.0, 2.0, 4.0]},
    "output": "logits",
}
