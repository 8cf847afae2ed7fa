"""TensorRT engines, built on the machine that runs them and refused on any other.

Two kinds. ``provider``: the engine cache of ONNX Runtime's TensorRT provider, with which the agent counts. ``plain``: one engine file
for other runtimes, by TensorRT's own Python API. Each is a folder whose ``manifest.json`` is written last and ties its files to
the bundle, the machine and the batch profile.

The cache was chosen over ONNX Runtime's «EP context» model: it is loaded from the bundle itself, whose manifest and golden inputs go
on to be checked, and it also holds where a part of the graph falls to another provider. Its known trap is that the cache's name
does not depend on the weights: of two bundles of one design the second would get the first one's engine. Hence one folder a bundle.

What calls TensorRT, ONNX Runtime's TensorRT provider or the CUDA driver has not run on a GPU: names and signatures were checked
against the Python bindings of TensorRT 8.6, 10.3, 10.13 and 11.4, and option names against the provider of ONNX Runtime 1.31.
"""
