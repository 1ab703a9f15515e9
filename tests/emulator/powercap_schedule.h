/*
 * powercap_schedule: when the counters are due to move, and how late they did.
 *
 * Update k is due at t0 + k * period + jitter. The jitter is Gaussian (a sum of 12 uniform numbers,
 * so within 6 standard deviations) and cut at 0.45 periods, so that updates keep their order.
 * An update whose successor is due already is not made up for: it is counted as skipped.
 */
#ifndef POWERCAP_SCHEDULE_H
#define POWERCAP_SCHEDULE_H

#include <stdint.h>

enum { LATENESS_BINS = 20000 }; /* of 1 µs; one more for all above */

struct schedule {
    double period_us, jitter_us; /* the caller sets these and the seed */
    uint64_t seed;
    int64_t t0_ns;
    int64_t due_ns;              /* of the next update */
    uint64_t due_index;          /* its k */
    uint64_t updates, skipped;
    int64_t lateness_max_ns;
    uint32_t lateness[LATENESS_BINS + 1];
    uint64_t random_state;
};

/* Starts at t0; the first update is due one period later. */
void schedule_start(struct schedule *schedule, int64_t t0_ns);
/* The update that was due showed the energy of `shown_ns` and was visible at `done_ns`: moves on
   to the next one due after `shown_ns`. */
void schedule_done(struct schedule *schedule, int64_t shown_ns, int64_t done_ns);
/* Counts an update that was due before the end and never came as late until then. */
void schedule_end(struct schedule *schedule, int64_t ended_ns);
/* The lateness that 99 % of the updates kept within, rounded up to whole µs. */
double schedule_lateness_p99_us(const struct schedule *schedule);

#endif
