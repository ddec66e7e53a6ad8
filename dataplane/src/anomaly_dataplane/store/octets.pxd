# The compiled side of octets.py: the same names, inlined into whoever cimports them.
from cpython.buffer cimport Py_buffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

cdef extern from "Python.h":
    Py_buffer* PyMemoryView_GET_BUFFER(object view)


cdef inline bytes taken(bytearray buffer, Py_ssize_t size):
    return PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer), size)


cdef inline unsigned char* fixed(bytes data) except? NULL:
    return <unsigned char*> PyBytes_AS_STRING(data)


cdef inline unsigned char* seen(memoryview view) except? NULL:
    if view.format != "B" or not view.c_contiguous:
        raise TypeError(f"expected a view of bytes, got format {view.format!r}")
    return <unsigned char*> PyMemoryView_GET_BUFFER(view).buf


cdef inline Py_ssize_t copy(
    unsigned char* into, Py_ssize_t at, unsigned char* source, Py_ssize_t start, Py_ssize_t size
) noexcept nogil:
    memcpy(into + at, source + start, <size_t> size)
    return at + size
