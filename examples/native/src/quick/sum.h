#ifndef QUICK_SUM_H
#define QUICK_SUM_H

/* Add the items of an iterator to *total; 0, or -1 with an exception set. */
int quick_add(PyObject *iterator, long long *total);

#endif
