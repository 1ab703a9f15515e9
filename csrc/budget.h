/*
 * budget: how much of the time a thread may spend, kept on average and never exceeded for long.
 *
 * Used by one thread.  Times on two clocks go in, the one that passes and the one that is spent; out comes when to
 * spend again.  A loan at the start lets a short run spend freely; it is paid back out of what comes in.
 */
#ifndef PYCARBON_BUDGET_H
#define PYCARBON_BUDGET_H

#include <stdint.h>

struct pc_budget {
    int64_t duty_ppm;  /* 0: no bound */
    int64_t credit_ns; /* may be spent now */
    int64_t owed_ns;   /* of the loan */
    int64_t time_ns;   /* when credit was last given */
    int64_t spent_ns;  /* what had been spent then */
};

void pc_budget_start(struct pc_budget *budget, int64_t duty_ppm);

/* The two clocks begin at these values: once after the start, and again when a new thread goes on. */
void pc_budget_begin(struct pc_budget *budget, int64_t time_ns, int64_t spent_ns);

/* It is `time_ns`, and `spent_ns` are spent: returns the time from which more may be, `time_ns` or later. */
int64_t pc_budget_charge(struct pc_budget *budget, int64_t time_ns, int64_t spent_ns);

#endif
