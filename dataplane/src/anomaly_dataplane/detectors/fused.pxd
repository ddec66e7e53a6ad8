# The C types of fused.py.
from libc cimport math

from anomaly_dataplane.detectors cimport (
    flat, jump, level, record, seasonal, surprise, tail, volatility,
)

cdef Py_ssize_t SEEN, GLOBAL_MEAN, GLOBAL_VARIANCE
cdef Py_ssize_t LEVEL, SEASONAL, JUMP, SURPRISE, VOLATILITY, RECORD, SINCE, DRIFT, FLAT
cdef double EVIDENCE_OFFSET
cdef int NO_FAMILY

cdef void start(double* s, Py_ssize_t o, double ts, double x) noexcept nogil
cdef (double, int, int, double) step(
    double* s, Py_ssize_t o, Py_ssize_t bins, double ts, double x
) noexcept nogil
