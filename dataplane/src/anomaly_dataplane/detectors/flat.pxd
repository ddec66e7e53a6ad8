# The C types of flat.py.
from libc cimport math

cdef Py_ssize_t RUN, LONGEST, SECOND, SHARE
cdef double WARM_UP, HORIZON, LEAST_SHARE, FORGETTING, FORGOTTEN, LEAST_CHANGES, TIMES, CAP

cdef double evidence(
    double* s, Py_ssize_t o, double x, double t, double previous, double low, double high
) noexcept nogil
