# The C types of kernel.py.
cimport cython
from cpython.array cimport array
from libc cimport math

from anomaly_dataplane.detectors cimport alarm, pointers, steps, window

cdef Py_ssize_t COUNT, HORIZON, M2, MEAN, NEWEST, TOTAL
cdef int UNCHANGED
cdef int _WARMING, _OUTLIER, _DUPLICATE, _LATE
cdef double _LARGEST_COUNT
cdef array _DOUBLES, _INTS, _LONGS

@cython.locals(
    size=Py_ssize_t, doubles=Py_ssize_t, ring=Py_ssize_t, hot=Py_ssize_t,
    cold=Py_ssize_t, length=Py_ssize_t, mask=Py_ssize_t, number=int,
    threshold=double, min_samples=Py_ssize_t, lateness=double, above=bint, below=bint,
    least=double, least_share=double, alarm_score=double, hold_off=double, repeat_after=double,
    total=int, i=Py_ssize_t, slot=int, base=Py_ssize_t, time=double, value=double,
    count=Py_ssize_t, held=Py_ssize_t, place=Py_ssize_t, row=int, warm=bint, code=int,
    mean=double, std=double, z=double, deviation=double,
    score=double, family=int, piece=int,
)
cpdef object score_group(
    object slab, object layout, object method, object slots, object times, object values,
    object rules,
)
cpdef object measure(object block, object layout)
@cython.locals(hot=Py_ssize_t, cold=Py_ssize_t)
cpdef object learn(object block, object layout, object method, object times, object values)
@cython.locals(count=double, i=Py_ssize_t, slot=int)
cdef void _check(
    double* s, Py_ssize_t blocks, Py_ssize_t doubles, int* owners, Py_ssize_t size,
    Py_ssize_t times, Py_ssize_t values,
) except *
cdef int _refusal(
    double* s, Py_ssize_t base, Py_ssize_t ring, Py_ssize_t held, double time, double lateness
) noexcept nogil
cdef double _counted(
    double z, double deviation, double mean, bint above, bint below,
    double least, double least_share,
) noexcept nogil
cdef void _note(int* firsts, int* lasts, int row, int piece) noexcept nogil
cdef object _blank(Py_ssize_t size)
@cython.locals(room=Py_ssize_t)
cdef array _places(Py_ssize_t size)
cdef Py_ssize_t _place(int* table, Py_ssize_t mask, int* changed, int slot) noexcept nogil
