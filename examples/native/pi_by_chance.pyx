# cython: language_level=3, boundscheck=False
"""Pi from random points: a Cython module that marks a region without the GIL."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "pycarbon.h" nogil:
    ctypedef uint32_t pycarbon_region
    pycarbon_region pycarbon_region_named(const char *name)
    void pycarbon_region_enter(pycarbon_region region)
    void pycarbon_region_leave(pycarbon_region region)


cdef uint64_t points_inside(uint64_t *state, int count) noexcept nogil:
    """Draw points in the unit square (xorshift64*), and count those within the quarter of a circle."""
    cdef uint64_t found = 0
    cdef double x, y
    for _ in range(count):
        state[0] ^= state[0] >> 12
        state[0] ^= state[0] << 25
        state[0] ^= state[0] >> 27
        x = <double>(state[0] >> 40) / (1 << 24)
        y = <double>(state[0] & 0xFFFFFF) / (1 << 24)
        found += x * x + y * y < 1
    return found


def pi(int batches, int points=1000, uint64_t seed=1):
    """Estimate pi from `batches` times `points` points; each batch is a call of the region "batch"."""
    cdef pycarbon_region batch = pycarbon_region_named("batch")
    cdef uint64_t found = 0
    with nogil:
        for _ in range(batches):
            pycarbon_region_enter(batch)
            found += points_inside(&seed, points)
            pycarbon_region_leave(batch)
    return 4 * found / (<double>batches * points)
