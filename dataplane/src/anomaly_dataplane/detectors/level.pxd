# The C types of level.py.
from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t SHORT, LONG, TAIL
cdef double WARM_UP, QUICK, SLOW, SLOW_GAP, SLOW_CAP

cdef double evidence(
    double* s, Py_ssize_t o, double x, double t, double rate, double short_rate, double gap
) noexcept nogil
