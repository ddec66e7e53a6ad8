# The C types of volatility.py.
from libc cimport math

from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t SHORT_MEAN, SHORT_VARIANCE, BASE, TAIL
cdef double ALPHA, BASE_FROM, SCORE_FROM

cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(
    double* s, Py_ssize_t o, double x, double t, double global_variance
) noexcept nogil
