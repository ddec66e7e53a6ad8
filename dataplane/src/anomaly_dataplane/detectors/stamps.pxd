# The C types of stamps.py.
cimport cython
from cpython.array cimport array
from libc cimport math

from anomaly_dataplane.detectors cimport pointers

cdef Py_ssize_t COUNT, HORIZON, MARKS, NEWEST
cdef long long FINE_BIT
cdef double REACH
cdef array _DOUBLES
cdef long long _WORDS, _HALF, _MASK, _FRACTION_MASK

@cython.locals(slot=Py_ssize_t, left=double)
cdef Py_ssize_t enter(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t count, double time,
) noexcept nogil
@cython.locals(
    whole=cython.longlong, fraction=cython.longlong, marks=cython.longlong, at=Py_ssize_t,
    i=Py_ssize_t,
)
cdef void put(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t slot, double time,
) noexcept nogil
@cython.locals(whole=cython.longlong, marks=cython.longlong)
cdef double near(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t slot, double reference,
) noexcept nogil
@cython.locals(
    whole=cython.longlong, fraction=cython.longlong, word=cython.longlong, first=Py_ssize_t,
    newest=double, certain=bint, marks=cython.longlong, fine=bint, slot=Py_ssize_t,
)
cdef bint holds(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t held, double time,
) noexcept nogil
@cython.locals(changed=bint, oldest=Py_ssize_t, slot=Py_ssize_t, reference=double, time=double, _=Py_ssize_t)
cdef bint raise_horizon(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t micros, Py_ssize_t ring,
    Py_ssize_t window, Py_ssize_t held, double horizon,
) noexcept nogil
@cython.locals(
    ring=Py_ssize_t, micros=Py_ssize_t, window=Py_ssize_t, size=Py_ssize_t, i=Py_ssize_t, newest=double, behind=bint,
)
cpdef object refill(object block, object layout, object times, double horizon)
@cython.locals(
    ring=Py_ssize_t, micros=Py_ssize_t, window=Py_ssize_t, held=Py_ssize_t, slot=Py_ssize_t, reference=double,
    times=array, _=Py_ssize_t,
)
cpdef object unfold(object block, object layout)
@cython.locals(
    slot=Py_ssize_t, reference=cython.longlong, first=Py_ssize_t, whole=cython.longlong,
    _=Py_ssize_t,
)
cdef long long _walk(
    double* s, unsigned int* w, Py_ssize_t base, Py_ssize_t ring, Py_ssize_t window,
    Py_ssize_t held, Py_ssize_t wanted,
) noexcept nogil
@cython.locals(count=Py_ssize_t)
cdef Py_ssize_t _oldest(double* s, Py_ssize_t base, Py_ssize_t window) noexcept nogil
@cython.locals(gap=cython.longlong)
cdef long long _nearest(long long word, long long reference) noexcept nogil
@cython.locals(word=cython.longlong)
cdef long long _fraction(unsigned int* w, Py_ssize_t micros, Py_ssize_t slot) noexcept nogil
