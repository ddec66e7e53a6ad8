# The C types of alarm.py.
cimport cython

cdef Py_ssize_t ALARM, EPISODE, MARKS
cdef Py_ssize_t ACCEPT_AFTER, CONSECUTIVE, HOLD_OFF, OUT_OF, REPEAT_AFTER
cdef int HISTORY, FEEDBACK, LENGTH, FAMILY
cdef double REARM_SHARE, FEEDBACK_STEP
cdef int NOTHING, RAISED, CALM, NEW_NORMAL
cdef long long SINCE_MASK, HISTORY_MASK, FEEDBACK_MASK, LENGTH_MASK, LENGTH_ONE, FAMILY_MASK
cdef long long ARMED_BIT, OPEN_BIT, ACCEPTED_BIT, ABOVE_BIT, UNSETTLED

@cython.locals(word=cython.longlong, complaints=cython.longlong)
cdef double needed(double* block, Py_ssize_t base, double score) noexcept nogil
@cython.locals(
    word=cython.longlong, since=cython.longlong, most=int, least=int, history=cython.longlong,
    hits=int, told=cython.longlong, marks=cython.longlong, length=cython.longlong,
    accept_after=double, silent=bint,
)
cdef int update(
    double* block, Py_ssize_t base, double* book, Py_ssize_t rule, double score, double threshold,
    bint above, long long family, double time,
) noexcept nogil
@cython.locals(word=cython.longlong, told=bint)
cdef bint end(double* block, Py_ssize_t base) noexcept nogil
