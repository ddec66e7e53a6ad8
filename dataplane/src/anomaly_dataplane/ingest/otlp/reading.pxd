# The C types of reading.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers
from anomaly_dataplane.ingest cimport eight_bytes, wire
from anomaly_dataplane.store cimport octets

cdef int _GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY, _POINT, _TIME
cdef int _DOUBLE, _INT, _ATTRIBUTE, _FLAGS, _COUNT, _TOTAL, _ATTRIBUTE_H, _FLAGS_H

@cython.locals(
    size=Py_ssize_t, room=bytearray, at=Py_ssize_t, written=Py_ssize_t, kind=int,
    inner=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t, content=Py_ssize_t, tag=cython.longlong,
)
cpdef bytes metric(bytes message, list points, Py_ssize_t most)
cpdef bytes number(bytes point, array time, array figures)
cpdef bytes histogram(bytes point, array time, array figures)
@cython.locals(
    size=Py_ssize_t, at=Py_ssize_t, first=Py_ssize_t, last=Py_ssize_t, counts=bint,
    start=Py_ssize_t, content=Py_ssize_t, tag=cython.longlong,
)
cdef bytes _taken_apart(bytes point, array time, array figures, int attribute, int flags)
cdef void _of_number(
    unsigned char* source, Py_ssize_t at, long long tag, double* figures
) noexcept nogil
cdef void _of_histogram(
    unsigned char* source, Py_ssize_t at, long long tag, double* figures
) noexcept nogil
cdef bint _is_kind(long long tag) noexcept nogil
