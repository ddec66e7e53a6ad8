# The C types of kernel.py.
cimport cython
from cpython.array cimport array
from libc cimport math

from anomaly_dataplane.detectors cimport alarm, pointers, stamps, steps, transform, window

cdef Py_ssize_t ALARM, COUNT, EPISODE, HORIZON, M2, MARKS, MEAN, NEWEST, RAW
cdef Py_ssize_t COUNT_ABOVE, COUNT_BELOW, EXCLUDED, GAP, HIGHEST, LATENESS, LOWEST
cdef Py_ssize_t MIN_ABS_DEVIATION, MIN_REL_DEVIATION, MIN_SAMPLES, SCORE, SIGMA, TRANSFORM
cdef Py_ssize_t PLAIN, UNLEARNT, WIDTH
cdef int FAMILY, MADE_BY, NONE, VALID, ZSCORE
cdef double FEEDBACK_ONE, NAN, REACH
cdef int UNCHANGED, OUT_OF_RANGE, ENDED, EVENT_NUMBERS, REPORTING, RESTARTED
cdef int _WARMING, _OUTLIER, _DUPLICATE, _LATE, _CLOSED
cdef double _LARGEST_COUNT
cdef long long VALID_MASK, VALID_ONE, MADE_BY_MASK, FAMILY_MASK
cdef long long ABOVE_BIT, CUMULATIVE_BIT, STALE_BIT, CLOSED_BIT
cdef array _DOUBLES, _INTS, _LONGS

@cython.locals(
    size=Py_ssize_t, doubles=Py_ssize_t, words=Py_ssize_t, micros=Py_ssize_t, blocks=Py_ssize_t, ring=Py_ssize_t, hot=Py_ssize_t,
    cold=Py_ssize_t, length=Py_ssize_t, mask=Py_ssize_t, number=int, by_slot=bint,
    zones=Py_ssize_t, zone=Py_ssize_t, rule=Py_ssize_t, chosen_row=Py_ssize_t,
    total=int, i=Py_ssize_t, slot=int, base=Py_ssize_t, time=double, value=double,
    count=Py_ssize_t, held=Py_ssize_t, place=Py_ssize_t, row=int, code=int,
    marks=cython.longlong, newest=double, since=double, kind=cython.longlong,
    begins_anew=bint, closing=bint, plain=bint, before=double,
    valid=Py_ssize_t, after=Py_ssize_t, ahead=bint, x=double, learnt=double,
    outside=bint, excluded=bint, unlearnt=bint, warm=bint, counted=bint, above=bint,
    mean=double, std=double, z=double, deviation=double,
    raised=array, ended=array, score=double, family=int, piece=int, weight=double, threshold=double, outcome=int,
)
cpdef object score_group(
    object slab, object layout, object method, object slots, object times, object values,
    object rulebook, object ruled=*,
)
cpdef object measure(object block, object layout)
@cython.locals(
    hot=Py_ssize_t, cold=Py_ssize_t, ring=Py_ssize_t, known=Py_ssize_t,
    zones=Py_ssize_t, zone=Py_ssize_t, seconds=double,
)
cpdef object learn(
    object block, object layout, object method, object times, object values, object clock=*,
    Py_ssize_t held=*, Py_ssize_t base=*,
)
@cython.locals(word=cython.longlong, at=Py_ssize_t)
cdef void _tell(
    array events, double* s, Py_ssize_t base, Py_ssize_t i, double score, int family,
    double weight, double threshold, double x,
) except *
@cython.locals(word=cython.longlong, above=bint, family=int)
cdef void _tell_end(
    array events, double* s, Py_ssize_t base, Py_ssize_t i, int how, double score,
    double threshold, double x,
) except *
cdef void _tell_return(array events, Py_ssize_t i, double newest, double value) except *
@cython.locals(at=Py_ssize_t)
cdef void _note_end(
    array events, Py_ssize_t i, int how, int family, bint above, double episode, double score,
    double threshold, double x,
) except *
cdef Py_ssize_t _zone(
    double* starts, Py_ssize_t zones, Py_ssize_t at, double time
) noexcept nogil
@cython.locals(i=Py_ssize_t)
cdef void _clear(double* s, Py_ssize_t first, Py_ssize_t size) noexcept nogil
@cython.locals(count=double, i=Py_ssize_t, slot=int)
cdef void _check(
    double* s, Py_ssize_t blocks, Py_ssize_t doubles, int* owners, Py_ssize_t size,
    Py_ssize_t times, Py_ssize_t values,
) except *
@cython.locals(i=Py_ssize_t, slot=int)
cdef void _check_rules(
    int* rule_rows, int* owners, Py_ssize_t size, Py_ssize_t known, Py_ssize_t rules
) except *
cdef int _refusal(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t held, double time, double lateness,
) noexcept nogil
@cython.locals(size=double)
cdef bint _counts(
    double* book, Py_ssize_t rule, double z, double deviation, double mean
) noexcept nogil
cdef void _note(int* firsts, int* lasts, int row, int piece) noexcept nogil
cdef object _blank(Py_ssize_t size)
@cython.locals(room=Py_ssize_t)
cdef array _places(Py_ssize_t size)
cdef Py_ssize_t _place(int* table, Py_ssize_t mask, int* changed, int slot) noexcept nogil
