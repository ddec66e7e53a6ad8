# The C types of fused_lite.py.
from anomaly_dataplane.detectors cimport fused, jump, level, record, tail

cdef Py_ssize_t SEEN, LEVEL, JUMP, RECORD

cdef (double, int, int, double) step(double* s, Py_ssize_t o, double x) noexcept nogil
