# The C types of drift.py.
from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t SHORT, LONG, TAIL
cdef double ALPHA, WARM_UP, GAP, CAP

cdef double evidence(double* s, Py_ssize_t o, double x, double t) noexcept nogil
