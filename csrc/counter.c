/* counter: see counter.h. */
#include "counter.h"

/*
 * A reading may follow the one before by a microsecond and still show a whole update of the counter, and the
 * slowest known update takes 100 ms.
 */
static const double UPDATE_ALLOWANCE_S = 0.1;

static bool plausible(const struct pc_counter *counter, uint64_t difference, int64_t elapsed_ns)
{
    if (counter->max_per_s == 0)
        return true;
    double elapsed_s = (double)elapsed_ns * 1e-9 + UPDATE_ALLOWANCE_S;
    return (double)difference <= (double)counter->max_per_s * elapsed_s;
}

enum pc_counter_step pc_counter_update(struct pc_counter *counter, uint64_t raw, int64_t time_ns,
                                       uint64_t *difference)
{
    uint64_t last = counter->last;
    int64_t awake_ns = time_ns - counter->last_ns;
    int64_t elapsed_ns = awake_ns + counter->asleep_ns;

    *difference = 0;
    counter->last_ns = time_ns;
    if (counter->started && raw == last)
        return PC_COUNTER_SAME; /* what the sleep took may show in its next update only */

    counter->asleep_ns = 0;
    counter->last = raw;
    if (!counter->started) {
        counter->started = true;
        return PC_COUNTER_FIRST;
    }
    if (counter->level)
        return PC_COUNTER_DIFFERENCE;

    bool fell = raw < last;
    if (fell && (counter->range == 0 || last > counter->range))
        return PC_COUNTER_RESET;
    uint64_t rise = fell ? counter->range - last + raw + 1 : raw - last;
    if (!plausible(counter, rise, fell ? awake_ns : elapsed_ns))
        return PC_COUNTER_RESET;
    *difference = rise;
    return fell ? PC_COUNTER_CORRECTED : PC_COUNTER_DIFFERENCE;
}
