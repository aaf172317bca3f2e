"""Elastic layers: Keras layers whose size is an argument of the call.

Read `slicing.py` (taking the first channels of a weight), `elastic_conv2d.py`, `elastic_depthwise_conv2d.py`
(elastic kernel sizes) and `elastic_batch_normalization.py`; the other elastic layers are made of these.
`depthwise.py` is the convolution with the fastest gradients on CPU and GPU (`gpu.py`), `fused_normalization.py` batch
normalization and activation as one operation for GPUs, `pooling.py` global average pooling; `channel_order.py` permutes
channels, `initializers.py` and `activations.py` serve all, and `plain.py` adds the same layers to functional models,
not elastic.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "activations": ["get_activation"],
        "depthwise": ["depthwise_conv2d"],
        "channel_order": ["order_by_importance", "permute_channels", "permute_normalization"],
        "elastic_batch_normalization": ["ElasticBatchNormalization"],
        "elastic_conv2d": ["ElasticConv2D"],
        "elastic_dense": ["ElasticDense"],
        "elastic_depthwise_conv2d": ["ElasticDepthwiseConv2D"],
        "elastic_squeeze_excite": ["ElasticSqueezeExcite"],
        "initializers": ["classifier_initializer", "convolution_initializer", "for_depthwise", "fork", "set_to_zero"],
        "plain": ["Tensor", "add_activation", "add_convolution", "add_depthwise_convolution", "add_normalization"],
        "pooling": ["global_average_pool"],
        "slicing": ["check_at_most"],
    },
)
