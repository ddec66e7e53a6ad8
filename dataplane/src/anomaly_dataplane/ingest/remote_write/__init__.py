"""Prometheus remote write: bytes of a request, already unpacked -> columns of samples.

`v1` and `v2` parse the two versions of the message. Both recognise a series that they have seen
before by how it is spelled, and read a sample where it stands; whatever looks unusual goes the slow
way, through a whole decoding by the protobuf library.
"""
