# The C types of steps.py.
from anomaly_dataplane.detectors cimport alone, fused, fused_lite

cdef int FUSED, FUSED_LITE

cdef (double, int, int, double) step(
    int method, double* block, Py_ssize_t hot, Py_ssize_t cold, Py_ssize_t ring, Py_ssize_t held,
    double seconds, double value,
) noexcept nogil
