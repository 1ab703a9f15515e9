/*
 * nvml_refresh: the moments at which an emulated GPU makes a value anew.
 *
 *     moment(i) = phase + i * period + lateness(i),     0 <= lateness < jitter <= period
 *
 * on CLOCK_MONOTONIC.  The lateness is spread evenly and a function of i alone, so that a test knows it too.
 */
#ifndef NVML_REFRESH_H
#define NVML_REFRESH_H

#include <stdint.h>

struct refresh {
    int64_t period_ns;           /* 0: at every moment */
    int64_t phase_ns;            /* below the period */
    int64_t jitter_ns;           /* 0: none */
};

/* The moment of this number; the period is not 0. */
int64_t refresh_moment_ns(struct refresh refresh, int64_t index);
/* The number of the latest moment up to `time_ns`; the period is not 0. */
int64_t refresh_latest(struct refresh refresh, int64_t time_ns);
/* When the value of `time_ns` was made. */
int64_t refreshed_ns(struct refresh refresh, int64_t time_ns);

#endif
