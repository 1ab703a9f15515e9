/*
 * watch: what happened to a thread while it did not run.
 *
 * Used by one thread.  Knows two things that the monotonic clock does not tell: how long the machine was suspended,
 * and how long the thread stood ready without getting a CPU.
 */
#ifndef PYCARBON_WATCH_H
#define PYCARBON_WATCH_H

#include <stdint.h>

#include "clock.h"
#include "ring.h"

/* Why nobody looked, in the `error` of an edge PC_EDGE_GAP.  The run file knows these numbers. */
enum pc_gap_cause {
    PC_GAP_UNKNOWN = 0,
    PC_GAP_STARVED = 1,   /* the thread was ready to run, others had the CPU */
    PC_GAP_STALLED = 2,   /* it was not: the process was stopped, or a read of the hardware blocked */
    PC_GAP_SUSPENDED = 3, /* the machine was: CLOCK_MONOTONIC stood still, `raw` says for how many ns */
};

struct pc_watch {
    const struct pc_clock *clock;
    int schedstat; /* file, or -1 */
    int64_t asleep_ns;
    int64_t waited_ns, waited_at_ns;
};

/* From the thread it is about. */
void pc_watch_start(struct pc_watch *watch, const struct pc_clock *clock);
void pc_watch_stop(struct pc_watch *watch);

/* How long the machine was suspended since the latest call. */
int64_t pc_watch_asleep_ns(struct pc_watch *watch);

/* Why the thread did nothing for `gap_ns` until now. */
enum pc_gap_cause pc_watch_cause(struct pc_watch *watch, int64_t gap_ns);

/* Now and then, so that the next cause is told from what happened lately.  Reads a file once a second at most. */
void pc_watch_refresh(struct pc_watch *watch, int64_t now_ns);

/* Pushes an edge PC_EDGE_GAP. */
void pc_watch_say(struct pc_ring *ring, int64_t from_ns, int64_t until_ns, enum pc_gap_cause cause, int64_t asleep_ns);

#endif
