# The C types of seasonal.py.
cimport cython
from libc cimport math

from anomaly_dataplane.detectors cimport baseline, tail

cdef Py_ssize_t START, RESIDUAL, SCORED, SMOOTH, CURRENT, BIN_MEAN, BIN_DEVIATION, BIN_COUNT, TAIL
cdef Py_ssize_t COUNTS
cdef int BINS, BIN_SIZE, COUNTS_A_FIELD, COUNT_BITS, COUNT_LIMIT
cdef double DAY, SMOOTHING, LEAST_RATE, FLOOR_SHARE

cdef void start(double* s, Py_ssize_t o, double ts) noexcept nogil
@cython.locals(wanted=int, left=int, place=Py_ssize_t)
cdef int enter(double* s, Py_ssize_t o, Py_ssize_t bins, double ts) noexcept nogil
@cython.locals(residual=double, size=double)
cdef double evidence(
    double* s, Py_ssize_t o, double x, double ts, double t, double global_std
) noexcept nogil
@cython.locals(packed=cython.longlong)
cdef double _count(double* s, Py_ssize_t counts, int of) noexcept nogil
@cython.locals(
    at=Py_ssize_t, shift=int,
    packed=cython.longlong, before=cython.longlong, after=cython.longlong,
)
cdef void _keep_count(double* s, Py_ssize_t counts, int of, double count) noexcept nogil
