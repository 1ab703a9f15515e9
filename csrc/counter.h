/*
 * counter: what a new reading of a monotonic counter of limited range means.
 *
 * Used by one thread.  A counter that decreased either went through its range once or was reset (a driver was
 * reloaded, a machine resumed).  The difference tells: a correction that would take an impossible power is a
 * reset, and so is a leap upwards.  A machine that was suspended may have gone on counting, but a counter that fell
 * meanwhile was reset: what little a sleeping machine takes goes round no range.
 *
 * A level (a temperature, a clock) goes up and down: any change is a difference.
 */
#ifndef PYCARBON_COUNTER_H
#define PYCARBON_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum pc_counter_step {
    PC_COUNTER_FIRST,      /* nothing to compare with yet */
    PC_COUNTER_SAME,       /* no change */
    PC_COUNTER_DIFFERENCE, /* rose; a level: became another */
    PC_COUNTER_CORRECTED,  /* fell, because it went through its range once */
    PC_COUNTER_RESET,      /* moved in a way no plausible power explains; counting starts anew */
};

struct pc_counter {
    uint64_t range;     /* the largest value it shows before it goes on at 0; 0: it has no range */
    uint64_t max_per_s; /* no plausible rise is faster, in units per second; 0: any rise is plausible */
    bool level;         /* it counts nothing; the two above say nothing then */
    uint64_t last;
    int64_t last_ns;   /* of the latest reading, changed or not */
    int64_t asleep_ns; /* the caller adds how long the machine was suspended since; the next change takes it back */
    bool started;
};

/*
 * Takes a reading made at `time_ns` (never earlier than the one before) and says what it means; `*difference`
 * becomes the rise in units: 0 unless DIFFERENCE or CORRECTED, and 0 of a level.  How often a counter went round
 * between two readings cannot be known: the caller looks more often than the counter can wrap.
 */
enum pc_counter_step pc_counter_update(struct pc_counter *counter, uint64_t raw, int64_t time_ns,
                                       uint64_t *difference);

#endif
