# The compiled side of pointers.py: the same names, inlined into whoever cimports them.
from cpython.array cimport array, clone, resize_smart
from cpython.buffer cimport Py_buffer
from cpython.bytearray cimport PyByteArray_AS_STRING

cdef extern from "Python.h":
    Py_buffer* PyMemoryView_GET_BUFFER(object view)


cdef inline array zeros(array like, Py_ssize_t size):
    return clone(like, size, True)


cdef inline Py_ssize_t grow(array column, Py_ssize_t size) except -1:
    cdef Py_ssize_t first = len(column)
    resize_smart(column, first + size)
    return first


cdef inline double* block_doubles(memoryview slab) except NULL:
    cdef Py_buffer* view = PyMemoryView_GET_BUFFER(slab)
    if slab.format != "d" or view.readonly or not slab.c_contiguous:
        raise TypeError(f"a slab is writable float64, not {slab.format!r}")
    return <double*> view.buf


cdef inline unsigned int* block_words(memoryview slab) except NULL:
    return <unsigned int*> block_doubles(slab)


cdef inline double* doubles(array column) except? NULL:
    if column.ob_descr.typecode != c"d":
        raise TypeError(f"expected a column of typecode 'd', got {column.typecode!r}")
    return column.data.as_doubles


cdef inline int* ints(array column) except? NULL:
    if column.ob_descr.typecode != c"i":
        raise TypeError(f"expected a column of typecode 'i', got {column.typecode!r}")
    return column.data.as_ints


cdef inline long long* longs(array column) except? NULL:
    if column.ob_descr.typecode != c"q":
        raise TypeError(f"expected a column of typecode 'q', got {column.typecode!r}")
    return <long long*> column.data.as_voidptr


cdef inline unsigned char* octets(bytearray column) except? NULL:
    return <unsigned char*> PyByteArray_AS_STRING(column)
