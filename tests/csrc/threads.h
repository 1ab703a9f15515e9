/*
 * threads: the two ends of a ring at full speed, as loops in C: between calls from Python the interpreter's lock
 * would order what a sanitizer shall see unordered.
 */
#ifndef PYCARBON_TEST_THREADS_H
#define PYCARBON_TEST_THREADS_H

#include <stdint.h>

#include "ring.h"

struct test_produced {
    uint64_t accepted;
    uint64_t refused; /* pushes that found the ring full */
};

/* Pushes edges numbered 0 to count-1: each again until it fits, or, where `all` is 0, only the last. */
struct test_produced test_produce(struct pc_ring *ring, uint64_t count, int all);

struct test_consumed {
    uint64_t edges;
    uint64_t faults; /* edges that are torn, or not numbered higher than the one before */
    uint64_t next;   /* number of the last edge, plus 1 */
};

/* Peeks and consumes up to `batch` (at most 64) at a time until the edge numbered `last` came by. */
struct test_consumed test_consume_until(struct pc_ring *ring, uint64_t last, uint64_t batch);

#endif
