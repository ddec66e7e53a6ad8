# The C types of record.py.
from libc cimport math

cdef Py_ssize_t LOW, HIGH
cdef double WARM_UP

cdef double most(double t) noexcept nogil
cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(double* s, Py_ssize_t o, double x, double t) noexcept nogil
