/* clock: see clock.h. */
#include "clock.h"

#include <sys/timex.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t monotonic_now_ns(const struct pc_clock *clock)
{
    (void)clock;
    return read_ns(CLOCK_MONOTONIC);
}

static int64_t monotonic_boottime_ns(const struct pc_clock *clock)
{
    (void)clock;
    return read_ns(CLOCK_BOOTTIME);
}

static int64_t thread_cpu_now_ns(const struct pc_clock *clock)
{
    (void)clock;
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

const struct pc_clock *pc_clock_monotonic(void)
{
    static const struct pc_clock monotonic = {.now_ns = monotonic_now_ns, .boottime_ns = monotonic_boottime_ns};
    return &monotonic;
}

const struct pc_clock *pc_clock_thread_cpu(void)
{
    static const struct pc_clock thread_cpu = {.now_ns = thread_cpu_now_ns};
    return &thread_cpu;
}

static int64_t wall_error_ns(void)
{
    struct timex kept = {.modes = 0}; /* asks only, which needs no privilege */
    int state = adjtimex(&kept);
    return state < 0 || state == TIME_ERROR ? -1 : (int64_t)kept.maxerror * 1000;
}

struct pc_clock_anchor pc_clock_anchor_now(void)
{
    struct pc_clock_anchor best = {.uncertainty_ns = INT64_MAX};

    /* An interrupt between the readings would pass for a clock step: keep the tightest of a few. */
    for (int attempt = 0; attempt < 5; attempt++) {
        int64_t before_ns = read_ns(CLOCK_MONOTONIC);
        int64_t realtime_ns = read_ns(CLOCK_REALTIME);
        int64_t boottime_ns = read_ns(CLOCK_BOOTTIME);
        int64_t after_ns = read_ns(CLOCK_MONOTONIC);
        if (after_ns - before_ns < best.uncertainty_ns) {
            best.monotonic_ns = before_ns + (after_ns - before_ns) / 2;
            best.realtime_ns = realtime_ns;
            best.boottime_ns = boottime_ns;
            best.uncertainty_ns = after_ns - before_ns;
        }
    }
    best.wall_error_ns = wall_error_ns();
    return best;
}
