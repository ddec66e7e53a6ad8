# The C types of alarm.py.
cdef Py_ssize_t ARMED, SINCE_ALARM
cdef double REARM_SHARE

cdef bint raised(
    double* block, Py_ssize_t base, double score,
    double alarm_score, double hold_off, double repeat_after,
) noexcept nogil
