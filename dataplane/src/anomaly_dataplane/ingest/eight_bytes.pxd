# The compiled side of eight_bytes.py: the same names, inlined into whoever cimports them.
from libc.string cimport memcpy


cdef inline double real(unsigned char* source, Py_ssize_t at) noexcept nogil:
    cdef double found
    memcpy(&found, source + at, 8)
    return found


cdef inline long long whole(unsigned char* source, Py_ssize_t at) noexcept nogil:
    cdef long long found
    memcpy(&found, source + at, 8)
    return found
