/*
 * ticks: the cheapest clock of a CPU, and what its ticks are on CLOCK_MONOTONIC.
 *
 * The time stamp counter where it runs at one rate whatever the CPU does (x86: CPUID says so; arm64: always), else
 * CLOCK_MONOTONIC itself.  All processes of a machine choose the same, so a tick means the same to all of them.
 */
#ifndef PYCARBON_TICKS_H
#define PYCARBON_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "clock.h"

enum pc_ticks_source {
    PC_TICKS_NS = 0,  /* CLOCK_MONOTONIC, in ns */
    PC_TICKS_TSC = 1, /* x86's invariant time stamp counter */
    PC_TICKS_ARM = 2, /* arm64's virtual counter */
};

/* What this machine's CPUs have; asked once. */
enum pc_ticks_source pc_ticks_source(void);

static inline uint64_t pc_ticks_now(enum pc_ticks_source source)
{
#if defined(__x86_64__)
    if (source == PC_TICKS_TSC)
        return __rdtsc();
#elif defined(__aarch64__)
    if (source == PC_TICKS_ARM) {
        uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    (void)source;
    const struct pc_clock *clock = pc_clock_monotonic();
    return (uint64_t)clock->now_ns(clock);
}

/* One moment on both clocks: `ticks` was read between two readings of the monotonic one, `monotonic_ns` is their
 * middle and `uncertainty_ns` half of what lies between. */
struct pc_ticks_anchor {
    uint64_t ticks;
    int64_t monotonic_ns;
    int64_t uncertainty_ns;
};

struct pc_ticks_anchor pc_ticks_anchor_now(enum pc_ticks_source source);

/*
 * Ticks are ns by a line through two anchors, the latest and one of half a second before it or more: what lies near
 * the latest is as good as that one.  CLOCK_MONOTONIC may be slewed by half a per mille, so the line moves on.
 */
struct pc_ticks_line {
    uint64_t to_ticks; /* the latest anchor */
    int64_t to_ns;
    int64_t slope_q32; /* ns for a tick, times 2^32; 0: there is one anchor only */
    uint64_t from_ticks, next_ticks; /* the earlier anchor, and what will be it */
    int64_t from_ns, next_ns;
};

__extension__ typedef __int128 pc_wide;

/* The time `apart` ticks after the latest anchor. */
static inline int64_t pc_ticks_line_ns(const struct pc_ticks_line *line, int64_t apart)
{
    return line->to_ns + (int64_t)((pc_wide)apart * line->slope_q32 >> 32);
}

void pc_ticks_line_begin(struct pc_ticks_line *line, struct pc_ticks_anchor anchor);

/*
 * Moves on to a further anchor; gives by how much the line had missed it, with its uncertainty.  After a machine slept
 * the counter may have stood still, gone on, or begun anew: then the line begins there, with the slope it had.  A slope
 * that was taken over such a time, or from an anchor that was far off, is found out at the third anchor after it.
 */
int64_t pc_ticks_line_move(struct pc_ticks_line *line, struct pc_ticks_anchor anchor);

#endif
