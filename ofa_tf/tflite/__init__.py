"""From a Keras subnet to a TFLite file that computes what the subnet computes.

Read the folders in the order of the data:

    graph/         a Keras model as plain data, and TensorFlow running it
    lowering/      rewriting that graph into operators that a target runs well
    quantization/  the modes, the ranges of activations, and what makes numbers integers
    conversion/    `to_tflite`: all of it put together, from a subnet to the content of a file
    shipping/      `ship`: the gate that a model has to pass, remedies where it does not, the file with its sidecar
    snippets/      programs that use a model, written from its metadata
    litert/        reading, running and inspecting TFLite files; used from quantization/ on

Imports go the other way: snippets > shipping > conversion > quantization > lowering > litert > graph.
"""
