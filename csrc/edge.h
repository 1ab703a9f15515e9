/*
 * edge: one observed change of a counter, and the few other things a sampler has to say, as they lie in a ring.
 */
#ifndef PYCARBON_EDGE_H
#define PYCARBON_EDGE_H

#include <stdint.h>

/*
 * What happened between t_before_ns and t_seen_ns.  No flag: the counter changed to `raw`, and the true
 * change lies between the two times.
 */
enum pc_edge_flags {
    PC_EDGE_FIRST = 1,   /* the first reading: the counter stood at `raw`; both times bracket the read */
    PC_EDGE_WRAPPED = 2, /* the counter went through its range once: add the range to the difference */
    PC_EDGE_RESET = 4,   /* no plausible power explains the change: what went before is not comparable */
    PC_EDGE_GAP = 8,     /* channel PC_EDGE_ALL: nobody looked between the two times; `error` says why (watch.h) */
    PC_EDGE_LOST = 16,   /* reading began to fail at t_seen_ns with `error`; good for the last time at t_before_ns */
    PC_EDGE_FOUND = 32,  /* the first good reading after PC_EDGE_LOST; t_before_ns is the last good one before */
    PC_EDGE_LAST = 64,   /* the sampler stopped: the counter still stood at `raw` */
};

#define PC_EDGE_ALL UINT16_MAX

struct pc_edge {
    int64_t t_before_ns; /* CLOCK_MONOTONIC */
    int64_t t_seen_ns;
    uint64_t raw;     /* in the channel's unit; of a suspend, how many ns it took */
    uint16_t channel; /* index in the run's channel table, or PC_EDGE_ALL */
    uint16_t flags;   /* enum pc_edge_flags, or-ed */
    int32_t error;    /* an errno with PC_EDGE_LOST, an enum pc_gap_cause with PC_EDGE_GAP, else 0 */
};

_Static_assert(sizeof(struct pc_edge) == 32, "the ring file and the Python layer know this layout");

#endif
