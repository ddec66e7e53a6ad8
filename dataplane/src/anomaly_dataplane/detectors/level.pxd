# The C types of level.py.
from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t SHORT, LONG, TAIL
cdef double WARM_UP, QUICK, QUICK_HORIZON, SLOW, SLOW_GAP, SLOW_CAP

cdef double quick(double* s, Py_ssize_t o, double x, double t, bint shaped) noexcept nogil
cdef double slow(double* s, Py_ssize_t o, double x, double t) noexcept nogil
cdef double _evidence(
    double* s, Py_ssize_t o, double x, double t, double rate, double horizon, double gap,
    bint shaped,
) noexcept nogil
