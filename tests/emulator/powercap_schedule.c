/* powercap_schedule: when the counters are due to move, and how late they did. */
#include "powercap_schedule.h"

/* splitmix64: small, seeded, the same on every machine. */
static double next_uniform(struct schedule *schedule)
{
    uint64_t z = schedule->random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Moves on to the next update that is due. */
static void plan_next(struct schedule *schedule)
{
    double jitter_us = 0;
    if (schedule->jitter_us > 0) {
        jitter_us = -6;
        for (int i = 0; i < 12; i++)
            jitter_us += next_uniform(schedule);
        jitter_us *= schedule->jitter_us;
        const double most_us = 0.45 * schedule->period_us;
        jitter_us = jitter_us < -most_us ? -most_us : jitter_us > most_us ? most_us : jitter_us;
    }
    schedule->due_index++;
    const double elapsed_us = (double)schedule->due_index * schedule->period_us + jitter_us;
    schedule->due_ns = schedule->t0_ns + (int64_t)(elapsed_us * 1000);
}

static void note_lateness(struct schedule *schedule, int64_t lateness_ns)
{
    const int64_t bin = lateness_ns / 1000;
    schedule->lateness[bin < LATENESS_BINS ? bin : LATENESS_BINS]++;
    if (lateness_ns > schedule->lateness_max_ns)
        schedule->lateness_max_ns = lateness_ns;
}

void schedule_start(struct schedule *schedule, int64_t t0_ns)
{
    schedule->random_state = schedule->seed;
    schedule->t0_ns = t0_ns;
    plan_next(schedule);
}

void schedule_done(struct schedule *schedule, int64_t shown_ns, int64_t done_ns)
{
    note_lateness(schedule, done_ns - schedule->due_ns);
    schedule->updates++;
    for (plan_next(schedule); schedule->due_ns <= shown_ns; plan_next(schedule))
        schedule->skipped++;
}

void schedule_end(struct schedule *schedule, int64_t ended_ns)
{
    if (ended_ns > schedule->due_ns)
        note_lateness(schedule, ended_ns - schedule->due_ns);
}

double schedule_lateness_p99_us(const struct schedule *schedule)
{
    uint64_t seen = 0;
    for (int bin = 0; bin < LATENESS_BINS; bin++)
        if ((seen += schedule->lateness[bin]) * 100 >= schedule->updates * 99)
            return bin + 1;
    return (double)schedule->lateness_max_ns / 1000;
}
