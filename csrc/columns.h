/*
 * columns: decodes the edges of a frame whose channels were read in turns (docs/run-file.md, edges, codec 2), as fast
 * as memory takes them.
 *
 * Pure: no state, no allocation, any thread.  Whatever the bytes are, nothing outside the given arrays is read or
 * written.
 */
#ifndef PYCARBON_COLUMNS_H
#define PYCARBON_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "edge.h"

#define PC_COLUMNS_MOST 1048576u

/* A frame's payload after decompression, and what its header says. */
struct pc_columns {
    const uint8_t *data;
    size_t length;
    uint32_t count;
    uint32_t channels;
    uint32_t tick_ns;
    int64_t first_ns;
    int64_t last_ns;
};

/* How far each channel has come; `channels` of them, the caller's, in any state. */
struct pc_columns_row {
    int64_t latest; /* the latest edge of this channel, as it is numbered in the frame, or -1 */
    uint32_t taken, count;
};

/*
 * Writes the edges of the table's row i, in order, to `edges[i]`, which has room for as many as the table says; NULL:
 * they are not wanted.  `seen` is room for `count` times.  0, or -EBADMSG where the bytes are not what they must be; the
 * edges are then undefined.  Whether an id comes twice is not looked at.
 */
int pc_columns_decode(const struct pc_columns *coded, struct pc_columns_row *rows, int64_t *seen,
                      struct pc_edge *const *edges);

#endif
