/*
 * sampler: a thread that looks at counters at a fixed rate and pushes every change into a ring.
 *
 *      sources --read--> counters --changed?--> ring --> recorder
 *
 * Roles: whoever creates a sampler starts and stops it, from one thread at a time.  Between start and stop the
 * sampler's own thread is the only one that reads its sources and the only producer of its ring.  Without a
 * thread, pc_sampler_sweep does one look on the caller's clock: that is how a test drives it.
 *
 * Invariant: a channel's edges are ordered, t_before_ns <= t_seen_ns, and t_seen_ns never falls.
 *
 * Hazard: a thread does not survive fork.  In the child a sampler is not running; it must not be stopped there.
 *
 * Deadlines are absolute: a late look does not shift those that follow, and deadlines that passed meanwhile are
 * skipped.  A look that comes more than `gap_ns` after its deadline is preceded by an edge PC_EDGE_GAP.
 */
#ifndef PYCARBON_SAMPLER_H
#define PYCARBON_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "counter.h"
#include "ring.h"
#include "source.h"

/* One counter to look at.  The caller fills in the first group; the second is the sampler's. */
struct pc_channel {
    struct pc_source *source;
    size_t index;           /* of the counter in its source */
    uint16_t id;            /* what its edges carry */
    struct pc_counter counter; /* range and max_per_s set, the rest zero */

    int64_t good_ns; /* before the latest good read began */
    int error;       /* of the latest read */
};

struct pc_sampler_settings {
    const struct pc_clock *clock;
    struct pc_ring *ring;
    struct pc_channel *channels; /* used in place, kept alive by the caller until the sampler is freed */
    size_t channel_count;
    int64_t period_ns;
    int64_t gap_ns;
    int64_t max_duty_ppm; /* looks are spaced out so that they take no more of the time than this; 0: no bound */
};

struct pc_sampler;

/* 0, -EINVAL for a period or gap that is not positive or a period of more than a day, -ENOMEM. */
int pc_sampler_create(struct pc_sampler **out, const struct pc_sampler_settings *settings);

/* One look at every channel.  Never while the thread runs. */
void pc_sampler_sweep(struct pc_sampler *sampler);

/* Starts the thread, with every signal blocked in it.  0, -EALREADY, or pthread_create's error. */
int pc_sampler_start(struct pc_sampler *sampler);

/* Wakes the thread, lets it look once more (edges PC_EDGE_LAST), and joins it.  0, or -ESRCH if not running. */
int pc_sampler_stop(struct pc_sampler *sampler);

/* Whoever starts and stops it.  CPU time the thread has used so far; 0 if it never ran. */
int64_t pc_sampler_cpu_ns(struct pc_sampler *sampler);

/* The thread is not running. */
void pc_sampler_free(struct pc_sampler *sampler);

#endif
