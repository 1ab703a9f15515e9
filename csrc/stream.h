/*
 * stream: one thread's marks on their way into one home: a ring, and when that is full the next, larger one.
 *
 * Everything here is the thread's own, but the pages, which it shares with the reducer; marks.h says who writes what.
 *
 * Where no ring can be made (no room, no descriptor, nobody who records any more) marks are counted, and once a second
 * it is tried again.
 */
#ifndef PYCARBON_STREAM_H
#define PYCARBON_STREAM_H

#include <limits.h>
#include <stdbool.h>

#include "marks.h"
#include "ticks.h"

#define PC_HOME_MOST_BYTES (PATH_MAX - 64) /* leaves room for a file's name */

struct pc_stream {
    struct pc_marks_header *header; /* NULL: no ring could be made yet, and capacity is 0 */
    _Atomic uint64_t *slots;
    uint64_t capacity, head, tail_seen;
    uint64_t lost;    /* marks for which there was no ring at all */
    int64_t retry_ns; /* when to try again to make one */
    size_t mapped_bytes;
    uint64_t home; /* the writer's name for it */
    uint64_t process;
    uint32_t thread, number;
    enum pc_ticks_source ticks_source;
    char path[PC_HOME_MOST_BYTES];
};

/* Begins, all zero until now, towards the home at `path`, of fewer than PC_HOME_MOST_BYTES. */
void pc_stream_begin(struct pc_stream *stream, const char *path, uint64_t process, uint32_t thread,
                     enum pc_ticks_source source);

/* Makes the first ring, or the next; false where that cannot be now. */
bool pc_stream_open(struct pc_stream *stream);

/* Makes room where the ring seems full; false when the mark must be given up. */
bool pc_stream_make_room(struct pc_stream *stream);

static inline void pc_stream_put(struct pc_stream *stream, uint64_t word)
{
    if (stream->head - stream->tail_seen >= stream->capacity && !pc_stream_make_room(stream))
        return;
    atomic_store_explicit(&stream->slots[stream->head & (stream->capacity - 1)], word, memory_order_relaxed);
    stream->head++;
    /* release: pairs with the reducer's acquire of head; whoever sees it sees the word */
    atomic_store_explicit(&stream->header->head, stream->head, memory_order_release);
}

/* Tells the reducer that nothing more comes, and unmaps. */
void pc_stream_end(struct pc_stream *stream);

/* Unmaps without a word: the ring is another process's. */
void pc_stream_forget(struct pc_stream *stream);

#endif
