# The C types of tail.py.
from libc cimport math

cdef Py_ssize_t QUANTILE, MEAN_EXCESS, MEAN_SCORE, EXCESSES, LAST_EXCESS
cdef double TAIL_NATS, LIGHTER, MOST_SHAPE, FAR
cdef double HORIZON, TAIL_SHARE, TAIL_EVIDENCE, EVIDENCE_CAP, WARM_UP, GAP, LN10, KNOWN, MOST_KNOWN

cdef double evidence(
    double* s, Py_ssize_t o, double score, double t, double gap, bint shaped
) noexcept nogil
