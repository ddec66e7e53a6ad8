# The C types of reading.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers
from anomaly_dataplane.ingest cimport eight_bytes, wire
from anomaly_dataplane.store cimport octets

cdef Py_ssize_t NUMBER_BYTES, _DOUBLE_BYTES
cdef int _REFERENCES, _SAMPLE, _METADATA, _VALUE, _TIME, _START, _KIND

@cython.locals(
    size=Py_ssize_t, end=Py_ssize_t, room=bytearray, symbols=Py_ssize_t, written=Py_ssize_t,
    sample=Py_ssize_t,
)
cpdef bytes read(bytes spelled, bytes numbers, array point)
@cython.locals(end=Py_ssize_t)
cdef Py_ssize_t _field(
    unsigned char* source, Py_ssize_t at, Py_ssize_t size, int tag
) noexcept nogil
@cython.locals(written=Py_ssize_t, behind=Py_ssize_t, reference=cython.longlong, place=Py_ssize_t)
cdef Py_ssize_t _spell(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end, unsigned char* numbers,
    Py_ssize_t symbols, unsigned char* into
) noexcept nogil
@cython.locals(behind=Py_ssize_t)
cdef bint _point(
    unsigned char* source, Py_ssize_t at, Py_ssize_t end, double* instant
) noexcept nogil
