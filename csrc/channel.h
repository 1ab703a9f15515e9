/*
 * channel: one counter to look at, and what reading it puts into a ring.
 *
 * Used by one thread, its sampler's.
 *
 * Invariant: a channel's edges are ordered, t_before_ns <= t_seen_ns, and t_seen_ns never falls.
 */
#ifndef PYCARBON_CHANNEL_H
#define PYCARBON_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "counter.h"
#include "phase.h"
#include "ring.h"
#include "source.h"

/* The caller fills in the first group; the second is the sampler's, and anybody's once its thread has been joined. */
struct pc_channel {
    struct pc_source *source;
    size_t index;              /* of the counter in its source */
    uint16_t id;               /* what its edges carry */
    int64_t every_ns;          /* a sampler of edges reads it so often, and not closely; 0: its edges are of interest */
    struct pc_counter counter; /* range and max_per_s, or level, set, the rest zero */

    int64_t good_ns; /* before the latest good read began */
    int error;       /* of the latest read */
    bool changed;    /* whether the latest read showed another value than the one before */
    int64_t news_ns; /* the latest good read of another value, or since then the latest renewal of the source */
    struct pc_phase phase;
};

/*
 * Reads the counter, pushes an edge if there is news, and returns the time when the read had ended; it began at
 * `start_ns`, just now.  A counter that has failed, or shown the same, for a second is first renewed.
 */
int64_t pc_channel_read(struct pc_channel *channel, struct pc_ring *ring, const struct pc_clock *clock,
                        int64_t start_ns);

/* Pushes where the counter stands at `time_ns`, the end of the sampling (PC_EDGE_LAST). */
void pc_channel_finish(const struct pc_channel *channel, struct pc_ring *ring, int64_t time_ns);

#endif
