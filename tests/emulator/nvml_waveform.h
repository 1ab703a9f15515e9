/*
 * nvml_waveform: the power of an emulated GPU over time, and its exact energy.
 *
 * The power is given by segments, each from its start to the start of the next; the last goes on for ever,
 * and before the first there is no power.  A segment is steady, or a square wave that begins at its start with
 * `first_mw`.  mW * ns = pJ, so the energy is a whole number.
 *
 * A segment may be added while others read: it is written first and counted then.
 *
 * Hazard: 64 bits of pJ end after 5 kWh.
 */
#ifndef NVML_WAVEFORM_H
#define NVML_WAVEFORM_H

#include <stdint.h>

enum { MAX_SEGMENTS = 1024 };

struct segment {
    int64_t start_ns;            /* CLOCK_MONOTONIC */
    uint64_t start_pj;           /* the energy of all before */
    uint32_t first_mw, second_mw;
    int64_t first_ns;            /* how long `first_mw` lasts ... */
    int64_t period_ns;           /* ... in each period; 0: for ever */
};

struct waveform {
    uint64_t segment_count;
    struct segment segments[MAX_SEGMENTS];
};

/* The energy from the start of the first segment to `time_ns`, in pJ. */
uint64_t waveform_energy_pj(const struct waveform *waveform, int64_t time_ns);
/* The mean power over `window_ns` up to `time_ns`, in whole mW; over nothing: the power at `time_ns`. */
uint32_t waveform_power_mw(const struct waveform *waveform, int64_t time_ns, int64_t window_ns);

#endif
