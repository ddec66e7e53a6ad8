# The C types of record.py.
cdef Py_ssize_t LOW, HIGH
cdef double WARM_UP

cdef void start(double* s, Py_ssize_t o, double x) noexcept nogil
cdef double evidence(double* s, Py_ssize_t o, double x, double t) noexcept nogil
