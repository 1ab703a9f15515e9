/*
 * phase: when a counter that the hardware updates now and then will change next, learned from the changes seen.
 *
 *           three changes seen               no change in time, again and again
 *   SEEKING ------------------> FOLLOWING ------------------------------------> STILL
 *      ^                            |                                             |
 *      +------ edges not met -------+               +--------- it moved ----------+
 *      +--------------------------------------------+
 *
 * Used by one thread, the sampler's.  It reads nothing and knows no clock: it is told of each reading, and says when
 * the next one is of use.
 *
 * FOLLOWING, an edge is predicted at `target_ns`; a look at it opens at `wake_ns`, early by as much as wake-ups come
 * late and edges come early (all but a few of the latest 64), and by one reading, and reads until the counter changes
 * or `give_up_ns` has passed.  Which edge is looked at next is the caller's to say, by the time before which it is not
 * to be.
 *
 * Hazard: a prediction is only as good as the period; who does not look for hundreds of periods seeks anew.
 */
#ifndef PYCARBON_PHASE_H
#define PYCARBON_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "needs.h"

enum pc_phase_state {
    PC_PHASE_SEEKING,    /* read without pause until it has changed */
    PC_PHASE_FOLLOWING,  /* the next edge is predicted */
    PC_PHASE_STILL,      /* it does not change, or so slowly that it is read now and then */
    PC_PHASE_CONTINUOUS, /* it changes whenever it is read, or nearly: a few readings now and then make an edge */
};

/* Read by anybody after the sampler's thread has been joined. */
struct pc_phase {
    enum pc_phase_state state;
    int64_t next_ns;   /* when the next reading is due */
    bool looking;      /* a look is open: readings follow each other until it closes */
    int64_t closed_ns; /* when the latest look closed */

    double period_ns;  /* 0: not known */
    double jitter_ns;  /* standard deviation of edges about their grid */
    double reading_ns; /* how long a reading takes, smoothed */
    int64_t edge_ns;   /* the latest edge met, smoothed */
    double edge_var, period_var, covariance; /* of the last two estimates, ns^2: a Kalman filter's */

    /* How looks ended: a change was bracketed closely, the thread woke too late, or nothing changed. */
    uint64_t met, late, empty;

    /* When to read once between the latest look and the next one, in the middle of a period; INT64_MAX: not. */
    int64_t glance_ns, glanced_ns;

    /* of the look that is planned or open */
    int64_t target_ns, wake_ns, give_up_ns;
    double periods;      /* from edge_ns to target_ns */
    double doubt_ns;     /* standard deviation of the prediction, the edge's own jitter apart */
    int64_t opened_ns;   /* SEEKING, CONTINUOUS: its first reading */
    int64_t lateness_ns; /* FOLLOWING: of its first reading */
    int64_t pause_ns;    /* between its readings */
    bool changed;        /* any of its readings */

    int64_t change_ns;    /* the latest change seen, by whatever reading */
    int64_t silence_ns;   /* STILL: from one reading to the next */
    int64_t seek_wait_ns; /* before it is worth to seek again */
    unsigned seen;        /* FOLLOWING: edges met since the phase was found; else whether there was a change */
    unsigned unmet;       /* looks in a row that met no edge */
    unsigned strange;     /* twice those that speak against the period, less those that speak for it */
    int64_t interval_ns;  /* SEEKING: between the latest two changes; one alone may be any */
    unsigned moving;      /* changes that came too soon after each other to be told apart */
    bool stirred;         /* whether any of the unmet looks saw the counter changed at all */
    bool thorough;        /* rather spend time than miss an edge */
    struct pc_needs needs; /* beside the doubt */
};

/* Seeks from `now_ns` on; `thorough` where time does not matter, so that looks open as early as any had to. */
void pc_phase_start(struct pc_phase *phase, int64_t now_ns, bool thorough);

/*
 * One reading: it began at `start_ns` and ended at `end_ns`; with `changed` the counter moved since the reading that
 * began at `before_ns`.
 */
void pc_phase_read(struct pc_phase *phase, int64_t before_ns, int64_t start_ns, int64_t end_ns, bool changed);

/* The reading failed: there is nothing to predict until one succeeds. */
void pc_phase_failed(struct pc_phase *phase, int64_t end_ns);

/*
 * It is `now_ns`: plans the next look, unless one is open.  FOLLOWING, it opens at `not_before_ns` or later, for an
 * edge that is expected at `edge_ns` or later; sooner than that where the phase would be lost by waiting so long.
 */
void pc_phase_plan(struct pc_phase *phase, int64_t now_ns, int64_t not_before_ns, int64_t edge_ns);

#endif
