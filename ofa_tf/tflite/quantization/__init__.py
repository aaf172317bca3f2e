"""Quantization: weights and activations as integers or as half-precision numbers, with as little loss as can be.

Read `modes.py` first, which says what there is to choose from, `target_modes.py`, which of it a target takes, and
`precisions.py` and `model_form.py`, what latencies are measured of. `ranges.py` measures how large activations get,
`dead_channels.py` mends what integers cannot hold, and `quantizer.py` makes an integer model of a float one. Then what
makes a model more accurate: `equalization.py`, `bias_correction.py` and `range_clipping.py` from some images (with
`activation_statistics.py`), and `qat.py` by training (with `fine_tuning.py` and `qat_layers.py`). The modes, the forms
and `fine_tuning.py` load no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bias_correction": ["measure_bias_shifts"],
        "dead_channels": ["lift_kernels", "widen_ranges"],
        "equalization": ["equalize"],
        "fine_tuning": ["FineTuning", "check_count", "check_learning_rate"],
        "model_form": ["FLOAT32_ON_CPU", "ModelForm", "all_forms", "as_model_form", "form_name"],
        "modes": [
            "NOT_QUANTIZED",
            "QUANTIZATION_MODES",
            "QuantizationMode",
            "get_quantization_mode",
            "modes_with_setting",
        ],
        "precisions": ["FLOAT32_PRECISION", "INT8_PRECISION", "PRECISIONS", "Precision", "get_precision"],
        "qat": ["fine_tune"],
        "quantizer": ["quantize_model", "quantize_weights"],
        "range_clipping": ["clip_ranges"],
        "ranges": ["Range", "measure_ranges"],
        "target_modes": ["check_input", "check_mode", "check_output"],
    },
)
