/*
 * clock: the one time line of a run, CLOCK_MONOTONIC in nanoseconds, and what ties it to the wall clock.
 */
#ifndef PYCARBON_CLOCK_H
#define PYCARBON_CLOCK_H

#include <stdint.h>

/* Where the time comes from: an argument everywhere, so that a test can own it. */
struct pc_clock {
    int64_t (*now_ns)(const struct pc_clock *clock);
    int64_t (*boottime_ns)(const struct pc_clock *clock); /* the same, suspends included; NULL: there are none */
};

/* CLOCK_MONOTONIC, and CLOCK_BOOTTIME beside it.  Lives as long as the program. */
const struct pc_clock *pc_clock_monotonic(void);

/* CPU time of the thread that asks.  Lives as long as the program. */
const struct pc_clock *pc_clock_thread_cpu(void);

/*
 * One moment on three clocks.  `realtime_ns` and `boottime_ns` were read between two readings of the
 * monotonic clock that lie `uncertainty_ns` apart; `monotonic_ns` is their middle.  A realtime that moves
 * against monotonic is a clock step, a boottime that does is a suspend.  `wall_error_ns` is how far realtime may be
 * from true time, as the kernel has it from the daemon that keeps the clock; -1 where it says that nobody does.
 */
struct pc_clock_anchor {
    int64_t monotonic_ns;
    int64_t realtime_ns;
    int64_t boottime_ns;
    int64_t uncertainty_ns;
    int64_t wall_error_ns;
};

struct pc_clock_anchor pc_clock_anchor_now(void);

#endif
