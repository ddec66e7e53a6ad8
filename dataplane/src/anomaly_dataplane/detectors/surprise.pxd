# The C types of surprise.py.
from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t ORDER, BASE, SMOOTH, WEIGHTS, PAST, TAIL
cdef double LEARNING_RATE, SMOOTHING

cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(double* s, Py_ssize_t o, double x, double t, double rate) noexcept nogil
