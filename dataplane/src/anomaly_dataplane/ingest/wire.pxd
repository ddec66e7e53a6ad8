# The C types of wire.py.
cimport cython

cdef int _VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES
cdef Py_ssize_t _LONGEST_VARINT
cdef long long _SMALLEST_TAG, _LARGEST_TAG

@cython.locals(place=Py_ssize_t)
cdef Py_ssize_t behind(unsigned char* source, Py_ssize_t at, Py_ssize_t end) noexcept nogil
@cython.locals(found=cython.longlong)
cdef long long varint(unsigned char* source, Py_ssize_t at, Py_ssize_t behind) noexcept nogil
@cython.locals(found=cython.longlong)
cdef long long tag(unsigned char* source, Py_ssize_t at, Py_ssize_t behind) noexcept nogil
@cython.locals(kind=int, start=Py_ssize_t)
cdef Py_ssize_t end_of(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end, long long tag
) noexcept nogil
