#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sum.h"

static PyObject *total(PyObject *self, PyObject *numbers)
{
    long long found = 0;
    PyObject *iterator = PyObject_GetIter(numbers);

    (void)self;
    if (iterator == NULL)
        return NULL;
    if (quick_add(iterator, &found) < 0) {
        Py_DECREF(iterator);
        return NULL;
    }
    Py_DECREF(iterator);
    return PyLong_FromLongLong(found);
}

static PyMethodDef methods[] = {
    {"total", total, METH_O, "Return the sum of whole numbers."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_sum", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__sum(void)
{
    return PyModuleDef_Init(&module);
}
