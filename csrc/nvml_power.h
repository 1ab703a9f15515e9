/*
 * nvml_power: energy out of power, for GPUs that count none.  Whole numbers: nothing is lost to rounding.
 *
 * Used by one thread.  Where the power of a while is not known the energy starts again from 0: to whoever reads it as
 * a counter, that is a reset.
 */
#ifndef PYCARBON_NVML_POWER_H
#define PYCARBON_NVML_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvml.h"

/* Of a power that is read now and then, and holds until it is read again.  Zero at first. */
struct pc_power_held {
    uint64_t energy_uj;
    uint64_t rest_pj;
    uint64_t power_mw;
    int64_t time_ns;
    bool started;
};

/* The power is `power_mw` (at most 10^8) from `time_ns` on; the energy up to then.  None holds longer than 0.5 s. */
uint64_t pc_power_hold(struct pc_power_held *held, uint64_t power_mw, int64_t time_ns);

/* Of the samples that the driver keeps of it: straight lines between them.  Zero at first. */
struct pc_power_sampled {
    uint64_t energy_uj;
    uint64_t rest_half_nj;
    uint64_t power_mw;
    uint64_t time_us;  /* of the latest sample */
    uint64_t usual_us; /* from one sample to the next; 0: not known */
    bool started;
};

/*
 * What the driver holds now, oldest first, some of it known before; the energy up to the last.  The first call counts
 * nothing.  A hole (the driver forgot samples before they were taken, took none for long, or its clock was set)
 * starts it again from 0 at the last sample.
 */
uint64_t pc_power_follow(struct pc_power_sampled *sampled, const struct pc_nvml_sample *samples, size_t count);

#endif
