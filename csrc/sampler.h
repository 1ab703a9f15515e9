/*
 * sampler: a thread that looks at counters and pushes every change into a ring.
 *
 *      sources --read--> channels --changed?--> ring --> recorder
 *
 * Roles: whoever creates a sampler starts and stops it, from one thread at a time.  Between start and stop the
 * sampler's own thread is the only one that reads its sources and the only producer of its ring.  Without a
 * thread, pc_sampler_sweep does one look on the caller's clock: that is how a test drives it.
 *
 * It looks in one of two ways.
 * - At a fixed rate: every counter at every deadline.  Deadlines are absolute: a late look does not shift those that
 *   follow, and deadlines that passed meanwhile are skipped.
 * - At edges: it sleeps until just before a counter is expected to change and then reads it until it does (phase.h).
 *   Where the CPU time it may take does not suffice for all edges it looks at fewer of them, as closely.  The first
 *   reading of each look, and a glance halfway before it, tell what the edges that were skipped added up to.
 *
 * A look that comes more than `gap_ns` after its deadline is preceded by an edge PC_EDGE_GAP, with its cause.  One in
 * which the read itself took so long (at least 10 ms: it blocked, or the process was stopped there) is followed by it.
 *
 * Hazard: a thread does not survive fork.  In the child a sampler is not running; it must not be stopped there.
 */
#ifndef PYCARBON_SAMPLER_H
#define PYCARBON_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "place.h"

struct pc_sampler_settings {
    const struct pc_clock *clock;
    struct pc_ring *ring;
    struct pc_channel *channels; /* used in place, kept alive by the caller until the sampler is freed */
    size_t channel_count;
    int64_t period_ns; /* of the fixed rate; 0: at edges */
    int64_t gap_ns;
    int64_t max_duty_ppm; /* no more of the time is spent on looking than this, but for a first burst; 0: no bound */
    struct pc_place place; /* its CPUs, too, are the caller's to keep alive */
};

struct pc_sampler;

/* 0, -EINVAL for a period or an every_ns that is negative or more than a day or a gap that is not positive, -ENOMEM. */
int pc_sampler_create(struct pc_sampler **out, const struct pc_sampler_settings *settings);

/* One look at what is due.  Never while the thread runs. */
void pc_sampler_sweep(struct pc_sampler *sampler);

/* When the next look is due.  Never while the thread runs. */
int64_t pc_sampler_due_ns(const struct pc_sampler *sampler);

/*
 * Starts the thread, with every signal blocked in it, and waits until it has what it was granted.  What it was refused
 * it does without.  0, -EALREADY, or pthread_create's error.
 */
int pc_sampler_start(struct pc_sampler *sampler);

/* Whoever starts it, after that. */
struct pc_place_grant pc_sampler_granted(const struct pc_sampler *sampler);

/*
 * Wakes the thread, lets it look once more (edges PC_EDGE_LAST), and joins it.  0, -ESRCH if not running, -ETIMEDOUT
 * where a read of the hardware has not come back for 5 s: the thread may use the sampler, and all that it was given,
 * for ever then, so none of that may be freed.
 */
int pc_sampler_stop(struct pc_sampler *sampler);

/* Whoever starts and stops it.  CPU time the thread has used so far; 0 if it never ran. */
int64_t pc_sampler_cpu_ns(struct pc_sampler *sampler);

/* The thread is not running. */
void pc_sampler_free(struct pc_sampler *sampler);

#endif
