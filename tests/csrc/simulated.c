/* simulated: see simulated.h. */
#include "simulated.h"

static int64_t now_ns(const struct pc_clock *clock)
{
    struct test_clock *simulated = (struct test_clock *)(uintptr_t)clock;
    int64_t now = simulated->now_ns;
    simulated->now_ns += simulated->reading_ns;
    return now;
}

static int64_t boottime_ns(const struct pc_clock *clock)
{
    return ((const struct test_clock *)clock)->asleep_ns + now_ns(clock);
}

void test_clock_init(struct test_clock *clock, int64_t start_ns, int64_t reading_ns, int sleeps)
{
    *clock = (struct test_clock){.clock = {.now_ns = now_ns, .boottime_ns = sleeps ? boottime_ns : NULL},
                                 .now_ns = start_ns,
                                 .reading_ns = reading_ns};
}

static int slow_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct test_slow *slow = (struct test_slow *)source;
    slow->clock->now_ns += slow->reading_ns / 2;
    int error = slow->inner->read(slow->inner, index, raw);
    slow->clock->now_ns += slow->reading_ns - slow->reading_ns / 2;
    return error;
}

static void slow_close(struct pc_source *source)
{
    struct test_slow *slow = (struct test_slow *)source;
    slow->inner->close(slow->inner);
}

void test_slow_init(struct test_slow *slow, struct pc_source *source, struct test_clock *clock, int64_t reading_ns)
{
    *slow = (struct test_slow){.source = {.read = slow_read, .close = slow_close, .count = 1},
                               .inner = source,
                               .clock = clock,
                               .reading_ns = reading_ns};
}

int64_t test_live(struct pc_sampler *sampler, struct test_clock *clock, int64_t until_ns, const int64_t *lateness_ns,
                  size_t count)
{
    int64_t spent_ns = 0;
    for (size_t i = 0; clock->now_ns < until_ns; i++) {
        int64_t due_ns = pc_sampler_due_ns(sampler);
        if (due_ns > clock->now_ns)
            clock->now_ns = due_ns + lateness_ns[i % count];
        int64_t start_ns = clock->now_ns;
        pc_sampler_sweep(sampler);
        spent_ns += clock->now_ns - start_ns;
    }
    return spent_ns;
}
