# The C types of baseline.py.
cdef Py_ssize_t MEAN, DEVIATION
cdef double STD_PER_DEVIATION, CLIP_SCALES, UNLIMITED

cdef double scale(double* s, Py_ssize_t o) noexcept nogil
cdef void learn(double* s, Py_ssize_t o, double value, double rate, double limit) noexcept nogil
cdef double clip(double value, double limit) noexcept nogil
