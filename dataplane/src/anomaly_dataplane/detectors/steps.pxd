# The C types of steps.py.
from anomaly_dataplane.detectors cimport fused

cdef int FUSED_NUMBER, NOTHING_WRITTEN

cdef (double, int, int, double) step(
    int method, double* block, Py_ssize_t hot, Py_ssize_t cold,
    double seconds, double value, double deviation,
) noexcept nogil
