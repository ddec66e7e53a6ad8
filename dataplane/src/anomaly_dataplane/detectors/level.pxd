# The C types of level.py.
from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t SHORT, LONG, TAIL
cdef double ALPHA, WARM_UP

cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(double* s, Py_ssize_t o, double x, double t, double rate) noexcept nogil
