/*
 * outbox: rows of one size that wait to be taken, oldest first, up to a bound.
 *
 * Whoever puts and whoever takes share a mutex that is not here.
 */
#ifndef PYCARBON_OUTBOX_H
#define PYCARBON_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

struct pc_outbox {
    char *bytes;
    size_t each;            /* bytes of one */
    size_t first, end, room; /* waiting: first to end */
    size_t most;
};

/* Makes sure that `count` more fit; false where the bound, or the memory, does not allow it. */
bool pc_outbox_reserve(struct pc_outbox *outbox, size_t count);

/* After pc_outbox_reserve. */
void pc_outbox_put(struct pc_outbox *outbox, const void *one);

size_t pc_outbox_take(struct pc_outbox *outbox, void *out, size_t max);

void pc_outbox_free(struct pc_outbox *outbox);

#endif
