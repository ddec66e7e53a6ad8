# The C types of native_columns.py.
cimport cython

cdef double MICROSECONDS_BELOW, MILLISECONDS_BELOW, SECONDS_BELOW
cdef object NO_LABELS
cdef bytes _NO_TEXT

@cython.locals(
    by_text=dict, series=list, times=list, values=list, untimed_ms=double, i=Py_ssize_t,
    text=bytes, number=double,
)
cpdef object columns(list samples, object known, double now_ms)
