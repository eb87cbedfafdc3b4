#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sum.h"

int quick_add(PyObject *iterator, long long *total)
{
    PyObject *item;

    while ((item = PyIter_Next(iterator)) != NULL) {
        long long value = PyLong_AsLongLong(item);
        Py_DECREF(item);
        if (value == -1 && PyErr_Occurred())
            return -1;
        *total += value;
    }
    return PyErr_Occurred() ? -1 : 0;
}
