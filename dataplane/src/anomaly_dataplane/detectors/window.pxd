# The C types of window.py.
cimport cython
from libc cimport math

from anomaly_dataplane.detectors cimport stamps

cdef Py_ssize_t COUNT, M2, MEAN, NEWEST
cdef double NAN
cdef double CANCELLATION, FLAT_SHARE, FLAT_SCALE, Z_LIMIT

cpdef double scale(double mean, double std) noexcept nogil
cpdef double z_score(double value, double mean, double std) noexcept nogil
@cython.locals(count=Py_ssize_t, place=Py_ssize_t, slot=Py_ssize_t, full=bint, leaves=bint)
cdef Py_ssize_t insert(
    double* block, unsigned int* words, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, double value, double time, Py_ssize_t valid,
) noexcept nogil
@cython.locals(held=Py_ssize_t, first=Py_ssize_t, i=Py_ssize_t, valid=Py_ssize_t)
cdef void recompute(
    double* block, Py_ssize_t base, Py_ssize_t ring, Py_ssize_t window
) noexcept nogil
@cython.locals(i=Py_ssize_t)
cdef void forget(double* block, Py_ssize_t base, Py_ssize_t ring, Py_ssize_t window) noexcept nogil
