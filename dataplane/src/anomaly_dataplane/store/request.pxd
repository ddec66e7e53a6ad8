# The C types of request.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers
from anomaly_dataplane.store cimport octets

cdef Py_ssize_t DOUBLE, VERSION_BYTES
cdef int NAMED, FURTHER_RANGE

@cython.locals(found=cython.longlong, i=Py_ssize_t)
cpdef long long total(array column) except? -1
cpdef Py_ssize_t put(bytearray buffer, Py_ssize_t at, bytes data) except -1
@cython.locals(size=Py_ssize_t, name=bytes)
cpdef Py_ssize_t write_keys(
    bytearray buffer, Py_ssize_t at, bytes opening, list series
) except -1
@cython.locals(rows=Py_ssize_t, first=int, i=Py_ssize_t, k=int, row=int)
cpdef Py_ssize_t write_header(bytearray buffer, Py_ssize_t at, object writes) except -1
@cython.locals(size=Py_ssize_t, i=Py_ssize_t, k=int, name=bytes)
cpdef Py_ssize_t write_ranges(
    bytearray buffer, Py_ssize_t at, object writes, dict names
) except -1
@cython.locals(digits=Py_ssize_t, rest=Py_ssize_t, place=Py_ssize_t)
cdef Py_ssize_t _open(unsigned char* into, Py_ssize_t at, Py_ssize_t size) noexcept nogil
cdef Py_ssize_t _end(unsigned char* into, Py_ssize_t at) noexcept nogil
cdef Py_ssize_t _short(unsigned char* into, Py_ssize_t at, int number) noexcept nogil
