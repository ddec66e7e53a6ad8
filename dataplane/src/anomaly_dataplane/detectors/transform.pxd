# The C types of transform.py.
from libc cimport math

cdef double NAN
cdef int DELTA, LOG1P, RATE

cdef double change(
    int kind, bint counter, double value, double before, double seconds
) noexcept nogil
cdef double scored(int kind, double value) noexcept nogil
