/*
 * ring: the hand-over of edges from one sampler thread to the recorder, in pages of a file.
 *
 *      sampler --push--> [ . . e e e e . . ] --peek--> recorder --write frame--> consume
 *                              ^tail   ^head
 *
 * One producer (the sampler thread), one consumer (whoever holds the recorder's drain lock).  Neither ever
 * waits for the other.
 *
 * Two counters that never wrap by hand: think of odometers.
 * - head: edges ever written.  Only the producer stores it.
 * - tail: edges ever consumed. Only the consumer stores it.
 *
 * Invariant:  0 <= head - tail <= capacity.
 *
 * When the ring is full the new edge is dropped and counted: a run keeps its beginning and says what is missing.
 *
 * The pages are shared with a file, so what was pushed outlives a SIGKILL of the process: whoever opens the
 * file finds the edges between tail and head.  The consumer peeks, stores what it saw elsewhere, and only then
 * consumes; killed in between, an edge is found twice, never not at all.
 *
 * Hazard: the file's blocks are reserved at creation.  A sparse file on a full disk would answer a push with
 * SIGBUS and kill the program that is being measured.
 */
#ifndef PYCARBON_RING_H
#define PYCARBON_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge.h"

/* The first page of the file; the slots follow it.  Host byte order: a ring is read on the machine that wrote it. */
struct pc_ring_header {
    char magic[8]; /* PC_RING_MAGIC */
    uint32_t version;
    uint32_t slot_bytes;
    uint64_t capacity;
    _Alignas(64) _Atomic uint64_t head;    /* writer: the producer */
    _Atomic uint64_t dropped;              /* writer: the producer */
    _Alignas(64) _Atomic uint64_t tail;    /* writer: the consumer */
};

#define PC_RING_MAGIC "pcring\r\n"
#define PC_RING_VERSION 1u
#define PC_RING_HEADER_BYTES 4096u

struct pc_ring {
    struct pc_ring_header *header;
    struct pc_edge *slots;
    uint64_t capacity; /* our own copy: the page is shared, a bound must not be */
    size_t mapped_bytes;
};

/*
 * Creates `path` (mode 0600, must not exist) and maps it; with path NULL the pages are anonymous and die with
 * the process.  `capacity` is a power of two.  0, -EINVAL, or the error of open, fallocate or mmap; nothing is
 * left behind on error.
 */
int pc_ring_create(struct pc_ring *ring, const char *path, uint64_t capacity);

/*
 * Maps an existing ring file for reading what its dead producer left: peek alone may be called.
 * -EBADMSG when it is not a ring of this version, or its counters contradict each other.
 */
int pc_ring_open(struct pc_ring *ring, const char *path);

/* Unmaps.  The file stays. */
void pc_ring_close(struct pc_ring *ring);

/* Producer only.  False when the ring was full and the edge was dropped. */
bool pc_ring_push(struct pc_ring *ring, const struct pc_edge *edge);

/* Consumer only.  Copies up to `max` of the oldest edges to `out` and returns how many; consumes none. */
size_t pc_ring_peek(const struct pc_ring *ring, struct pc_edge *out, size_t max);

/* Consumer only.  How many edges wait. */
uint64_t pc_ring_waiting(const struct pc_ring *ring);

/* Consumer only.  Frees the `count` oldest edges; -EINVAL when fewer wait. */
int pc_ring_consume(struct pc_ring *ring, uint64_t count);

/* Any thread.  Edges dropped so far because the ring was full. */
uint64_t pc_ring_dropped(const struct pc_ring *ring);

#endif
