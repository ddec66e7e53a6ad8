# The C types of robust.py.
cimport cython

from anomaly_dataplane.detectors cimport tail

cdef Py_ssize_t TAIL
cdef Py_ssize_t WARM_UP
cdef double STD_PER_MAD

@cython.locals(valid=Py_ssize_t)
cdef double evidence(
    double* s, Py_ssize_t o, Py_ssize_t ring, Py_ssize_t held, double x, double t
) noexcept nogil
@cython.locals(found=Py_ssize_t, i=Py_ssize_t)
cdef Py_ssize_t _valid(double* s, Py_ssize_t ring, Py_ssize_t held) noexcept nogil
@cython.locals(
    i=Py_ssize_t, below=Py_ssize_t, some=bint, value=double, pivot=double, low=double,
    high=double, under=double, over=double,
)
cdef double _quantile(
    double* s, Py_ssize_t ring, Py_ssize_t held, Py_ssize_t rank, double middle, bint folded
) noexcept nogil
