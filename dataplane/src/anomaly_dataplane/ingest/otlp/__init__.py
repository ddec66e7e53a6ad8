"""OTLP metrics: bytes of a request, already unpacked -> columns of samples.

`binary` parses protobuf, `text` JSON; what a metric, an attribute and a point become is the same
for both and stands in `names`, `attributes` and `points`.
"""
