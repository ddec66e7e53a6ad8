# The C types of alone.py.
from libc cimport math

from anomaly_dataplane.detectors cimport (
    jump, level, record, robust, seasonal, tail, volatility,
)

cdef Py_ssize_t SEEN, GLOBAL_MEAN, GLOBAL_VARIANCE, FIELDS
cdef int JUMP, LEVEL, RANGE, ROBUST, SEASONAL, VOLATILITY

cdef (double, int, int, double) step(
    int which, double* s, Py_ssize_t o, Py_ssize_t bins, Py_ssize_t ring, Py_ssize_t held,
    double ts, double x,
) noexcept nogil
cdef void _start(int which, double* s, Py_ssize_t o, double ts, double x) noexcept nogil
