# cython: boundscheck=False


def below(int limit):
    """Return all primes below *limit*."""
    cdef int number, multiple
    cdef bytearray marked = bytearray(max(limit, 2))
    found = []
    for number in range(2, limit):
        if marked[number]:
            continue
        found.append(number)
        for multiple in range(2 * number, limit, number):
            marked[multiple] = 1
    return found
