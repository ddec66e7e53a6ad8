# The C types of journal.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers, stamps
from anomaly_dataplane.detectors.kernel cimport learn

cdef Py_ssize_t COUNT, HORIZON, JOURNAL, MARKS, NEWEST
cdef long long PENDING_MASK
cdef double LARGEST_COUNT, LARGEST_TIME
cdef array _DOUBLES

@cython.locals(
    count=double, marks=double, pending=cython.longlong, known=double, i=Py_ssize_t,
)
cpdef bint sound(object block, object layout) except -1
@cython.locals(
    pending=Py_ssize_t, times=array, values=array, window=cython.longlong, ring=Py_ssize_t,
    micros=Py_ssize_t, first=cython.longlong, i=Py_ssize_t, place=cython.longlong,
)
cpdef object catch_up(object block, object layout, object method, object clock=*)
