# The C types of journal.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers, stamps
from anomaly_dataplane.detectors.kernel cimport learn

cdef Py_ssize_t COUNT, HORIZON, JOURNAL, MARKS, NEWEST, SHAPE
cdef long long PENDING_MASK
cdef double LARGEST_COUNT, LARGEST_TIME
cdef array _DOUBLES

@cython.locals(
    base=Py_ssize_t, count=double, marks=double, pending=cython.longlong, known=double,
    i=Py_ssize_t,
)
cpdef bint sound(object slab, object layout, Py_ssize_t slot=*) except -1
@cython.locals(
    base=Py_ssize_t, pending=Py_ssize_t, times=array, values=array, window=cython.longlong,
    ring=Py_ssize_t, micros=Py_ssize_t, first=cython.longlong, i=Py_ssize_t, place=cython.longlong,
)
cpdef object catch_up(
    object slab, object layout, object method, object clock=*, Py_ssize_t slot=*
)
