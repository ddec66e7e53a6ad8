# The C types of jump.py.
from anomaly_dataplane.detectors cimport tail

cdef Py_ssize_t PREVIOUS, TAIL

cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(double* s, Py_ssize_t o, double x, double t) noexcept nogil
