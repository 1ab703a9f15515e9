/*
 * simulated: a clock that tests own, and a thread's life on it, in C, so that minutes pass in milliseconds.
 */
#ifndef PYCARBON_TEST_SIMULATED_H
#define PYCARBON_TEST_SIMULATED_H

#include <stddef.h>
#include <stdint.h>

#include "sampler.h"

struct test_clock {
    struct pc_clock clock; /* first, so that a pc_clock is one of these */
    int64_t now_ns;
    int64_t reading_ns; /* each look at it takes so long */
    int64_t asleep_ns;  /* what the machine was suspended for so far */
};

/* With `sleeps` it has a boottime, too. */
void test_clock_init(struct test_clock *clock, int64_t now_ns, int64_t reading_ns, int sleeps);

/*
 * A source of one counter, that of `source`: a reading takes `reading_ns` of `clock`, and is of the middle of them.
 * Closing it closes `source`.
 */
struct test_slow {
    struct pc_source source; /* first, so that a pc_source is one of these */
    struct pc_source *inner;
    struct test_clock *clock;
    int64_t reading_ns;
};
void test_slow_init(struct test_slow *slow, struct pc_source *source, struct test_clock *clock, int64_t reading_ns);

/*
 * Sweeps whenever a look is due until the clock shows `until_ns`; the wake-ups come late by the `lateness_ns`, in
 * turn.  Returns the time that the sweeps took.
 */
int64_t test_live(struct pc_sampler *sampler, struct test_clock *clock, int64_t until_ns, const int64_t *lateness_ns,
                  size_t count);

#endif
