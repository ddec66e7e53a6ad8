# The C types of fused_lite.py.
from anomaly_dataplane.detectors cimport flat, fused, jump, level, record

cdef Py_ssize_t SEEN, LEVEL, JUMP, RECORD, SINCE, FLAT

cdef (double, int, int, double) step(double* s, Py_ssize_t o, double x) noexcept nogil
