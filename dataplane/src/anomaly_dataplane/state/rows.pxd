# The C types of rows.py.
cimport cython
from cpython.array cimport array

from anomaly_dataplane.detectors cimport pointers, stamps
from anomaly_dataplane.store cimport octets

cdef Py_ssize_t COUNT, DOUBLE, JOURNAL, MARKS, NEWEST, VERSION, VERSION_BYTES
cdef long long FINE_BIT, PENDING_MASK
cdef int NAMED, TOUCH, WHOLE, _MOST_RANGES
cdef array _INTS

@cython.locals(
    slots=array, slot=int, i=Py_ssize_t, missing=Py_ssize_t, distinct=Py_ssize_t,
    unruled=Py_ssize_t, rule=cython.longlong,
)
cpdef tuple pin(
    list series, array last_group, long long group, array ruled, long long first_rule,
    long long rules,
)
@cython.locals(
    size=Py_ssize_t, order=array, starts=array, i=Py_ssize_t, p=Py_ssize_t, first=Py_ssize_t,
)
cpdef list by_partition(array slots, array partitions, Py_ssize_t count)
@cython.locals(
    size=Py_ssize_t, i=Py_ssize_t, row=int, slot=int, base=Py_ssize_t,
    behind=Py_ssize_t, micros=Py_ssize_t, count=cython.longlong, before=cython.longlong, absent=bint,
    window=cython.longlong, doubles=Py_ssize_t, cold=int, ring=int, end=int,
    journal=cython.longlong, pending=cython.longlong, added=cython.longlong,
    place=Py_ssize_t, taken=cython.longlong, sample=cython.longlong, time=double,
    marks=cython.longlong, fine=bint, times=int, quads=int, part=int, offset=int,
    unwritten=cython.longlong, first=cython.longlong, run=cython.longlong,
)
cpdef object describe(
    object slab, object memory, list owners, bytearray fresh, object layout, int piece,
    object changes, array selected, long long version, bytearray touched, int day,
)
