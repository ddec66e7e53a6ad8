# The C types of request.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers
from anomaly_dataplane.store cimport octets

cdef Py_ssize_t DOUBLE, VERSION_BYTES, ID_BYTES, _HEADER_BYTES, _FRAME_BYTES
cdef int OVER, NAMED, _FURTHER_RANGE
cdef long long LARGEST_COUNT

@cython.locals(
    rows=Py_ssize_t, ranges=Py_ssize_t, raised=Py_ssize_t,
    accepted=cython.longlong, outliers=cython.longlong,
    header=Py_ssize_t, size=Py_ssize_t, at=Py_ssize_t, buffer=bytearray,
    name=bytes, event=bytes,
)
cpdef bytes build(
    object writes, bytes call, bytes opening, bytes closing, long long now_ms,
    dict names, list events,
)
cdef bytearray _room(Py_ssize_t size)
@cython.locals(found=cython.longlong, i=Py_ssize_t)
cdef long long _sum(array column) except? -1
@cython.locals(size=Py_ssize_t, i=Py_ssize_t, name=bytes)
cdef Py_ssize_t _keys(unsigned char* into, Py_ssize_t at, bytes opening, list series) except -1
@cython.locals(rows=Py_ssize_t, first=int, i=Py_ssize_t, k=int, row=int)
cdef Py_ssize_t _header(unsigned char* into, Py_ssize_t at, object writes) except -1
@cython.locals(rows=Py_ssize_t, size=Py_ssize_t, i=Py_ssize_t, k=int)
cdef Py_ssize_t _ranges(
    unsigned char* into, Py_ssize_t at, object writes, dict names
) except -1
cdef Py_ssize_t _put(unsigned char* into, Py_ssize_t at, bytes data) except -1
cdef Py_ssize_t _number(unsigned char* into, Py_ssize_t at, long long number) noexcept nogil
cdef Py_ssize_t _line(
    unsigned char* into, Py_ssize_t at, int kind, long long number
) noexcept nogil
@cython.locals(end=Py_ssize_t, place=Py_ssize_t)
cdef Py_ssize_t _decimal(unsigned char* into, Py_ssize_t at, long long number) noexcept nogil
cdef int _digits(long long number) noexcept nogil
cdef Py_ssize_t _end(unsigned char* into, Py_ssize_t at) noexcept nogil
cdef Py_ssize_t _short(unsigned char* into, Py_ssize_t at, int number) noexcept nogil
