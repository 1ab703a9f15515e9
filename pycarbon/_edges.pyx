# cython: language_level=3, embedsignature=True, freethreading_compatible=True, binding=False
"""Edges of a run file's frames, decoded at the speed of memory and without the GIL."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

cdef extern from "columns.h" nogil:
    enum:
        PC_COLUMNS_MOST
    struct pc_edge:
        pass
    struct pc_columns:
        const uint8_t *data
        size_t length
        uint32_t count
        uint32_t channels
        uint32_t tick_ns
        int64_t first_ns
        int64_t last_ns
    struct pc_columns_row:
        pass
    int pc_columns_decode(const pc_columns *coded, pc_columns_row *rows, int64_t *seen, pc_edge *const *edges)


def decode(const uint8_t[::1] data not None, uint32_t count, uint32_t tick_ns, int64_t first_ns, int64_t last_ns,
           list places not None):
    """Decode a frame's edges, and say whether its bytes are what they must be.

    `places` has for each row of the frame's table an array of bytes that takes its edges, 32 bytes each, or None
    where they are not wanted. ValueError where one has not room for just as many as the table says.
    """
    cdef size_t channels = len(places), row
    cdef pc_columns coded
    cdef uint8_t[::1] place
    cdef size_t wanted
    cdef int code
    if not 0 < count <= PC_COLUMNS_MOST or not 0 < channels <= count or len(data) < 24 * channels:
        return False
    coded.data, coded.length = &data[0], len(data)
    coded.count, coded.channels, coded.tick_ns = count, <uint32_t>channels, tick_ns
    coded.first_ns, coded.last_ns = first_ns, last_ns
    cdef int64_t *seen = <int64_t *>malloc(count * sizeof(int64_t))
    cdef pc_columns_row *rows = <pc_columns_row *>malloc(channels * sizeof(pc_columns_row))
    cdef pc_edge **edges = <pc_edge **>malloc(channels * sizeof(pc_edge *))
    try:
        if seen == NULL or rows == NULL or edges == NULL:
            raise MemoryError
        for row in range(channels):
            edges[row] = NULL
            if places[row] is not None:
                place = places[row]
                wanted = (<size_t>data[24 * row + 4] | <size_t>data[24 * row + 5] << 8
                          | <size_t>data[24 * row + 6] << 16 | <size_t>data[24 * row + 7] << 24)
                if place.shape[0] != 32 * wanted or wanted == 0:
                    raise ValueError(f"no room for {wanted} edges")
                edges[row] = <pc_edge *>&place[0]
        with nogil:
            code = pc_columns_decode(&coded, rows, seen, <pc_edge *const *>edges)
        return code == 0
    finally:
        free(seen)
        free(rows)
        free(edges)
