# The compiled side of doubles.py: the same name, inlined into whoever cimports it.
from libc.string cimport memcpy


cdef inline double read(unsigned char* source, Py_ssize_t at) noexcept nogil:
    cdef double found
    memcpy(&found, source + at, 8)
    return found
