# The C types of plain.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers
from anomaly_dataplane.store cimport octets

cdef int _SPACE, _QUOTE, _COMMA, _EQUALS, _BACKSLASH, _ZERO, _NINE, _PLUS, _MINUS, _POINT
cdef int _BIG_E, _SMALL_E, _I, _U, _NO_NUMBER, _READ, _FOR_FLOAT
cdef Py_ssize_t _LONGEST_NUMBER, _MOST_DIGITS, MAX_STRING_BYTES
cdef long long _LARGEST_EXACT, _LATEST

@cython.locals(size=Py_ssize_t, space=Py_ssize_t, equals=Py_ssize_t, time=cython.longlong)
cpdef bytes field(bytes line, array stamp, array value)
@cython.locals(
    size=Py_ssize_t, before=Py_ssize_t, space=Py_ssize_t, at=Py_ssize_t, start=Py_ssize_t,
    known=dict, name=bytes, time=cython.longlong,
)
cpdef Py_ssize_t fields(
    bytes line, dict heads, array stamp, array value, list series, list values
) except? -2
cdef Py_ssize_t _last(unsigned char* source, Py_ssize_t end, int wanted) noexcept nogil
cdef Py_ssize_t _next(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end, int wanted
) noexcept nogil
cdef Py_ssize_t _behind_string(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end
) noexcept nogil
@cython.locals(found=cython.longlong, digit=int)
cdef long long _whole(unsigned char* source, Py_ssize_t at, Py_ssize_t end) noexcept nogil
@cython.locals(start=Py_ssize_t, negative=bint, whole=cython.longlong, kind=int)
cdef bint _number(bytes text, Py_ssize_t at, Py_ssize_t end, array into) except? -1
@cython.locals(
    point=Py_ssize_t, behind=Py_ssize_t, digits=Py_ssize_t, found=cython.longlong, power=double,
    place=Py_ssize_t,
)
cdef int _decimal(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end, double* into
) noexcept nogil
cdef Py_ssize_t _behind_digits(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end
) noexcept nogil
cdef bint _exponent(unsigned char* source, Py_ssize_t at, Py_ssize_t end) noexcept nogil
