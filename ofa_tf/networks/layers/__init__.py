"""Elastic layers: Keras layers whose size is an argument of the call.

Read `slicing` (taking the first channels of a weight), `elastic_conv2d`, `elastic_depthwise_conv2d` (elastic kernel
sizes) and `elastic_batch_normalization`; the other elastic layers are made of these. `depthwise` is the convolution
with the fastest gradients, `channel_order` permutes channels, `initializers` and `activations` serve all, and `plain`
adds the same layers to functional models, not elastic.
"""
