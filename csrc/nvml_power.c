/* nvml_power: see nvml_power.h. */
#include "nvml_power.h"

/* Nobody knows what it was meanwhile, where it is to be read 20 times a second. */
static const int64_t LONGEST_HELD_NS = 500000000;
static const uint64_t PJ_PER_UJ = 1000000;
static const uint64_t HALF_NJ_PER_UJ = 2000;

/* Drivers sample at 1 to 60 Hz. */
static const uint64_t LONGEST_UNUSUAL_US = 1000000;

uint64_t pc_power_hold(struct pc_power_held *held, uint64_t power_mw, int64_t time_ns)
{
    int64_t held_ns = time_ns - held->time_ns;
    if (!held->started || held_ns > LONGEST_HELD_NS) {
        *held = (struct pc_power_held){.started = true};
    } else {
        held->rest_pj += held->power_mw * (uint64_t)held_ns; /* 1 mW for 1 ns is 1 pJ */
        held->energy_uj += held->rest_pj / PJ_PER_UJ;
        held->rest_pj %= PJ_PER_UJ;
    }
    held->power_mw = power_mw;
    held->time_ns = time_ns;
    return held->energy_uj;
}

/* How long two samples may lie apart of which the driver holds both (`together`), or only the later one. */
static uint64_t longest_us(const struct pc_power_sampled *sampled, bool together)
{
    if (sampled->usual_us == 0)
        return LONGEST_UNUSUAL_US;
    return together ? 4 * sampled->usual_us : sampled->usual_us + sampled->usual_us / 2;
}

/* Adds up to a sample; false where there is a hole before it. */
static bool add(struct pc_power_sampled *sampled, uint64_t time_us, uint64_t power_mw, bool together)
{
    uint64_t apart_us = time_us - sampled->time_us;
    uint64_t longest = longest_us(sampled, together);
    bool whole = time_us >= sampled->time_us && apart_us <= longest;
    if (!whole) {
        if (time_us > sampled->time_us) /* a driver that became slower is believed in the end */
            sampled->usual_us = apart_us < 2 * sampled->usual_us ? apart_us : 2 * sampled->usual_us;
    } else {
        sampled->rest_half_nj += (sampled->power_mw + power_mw) * apart_us; /* 1 mW for 1 us is 1 nJ */
        sampled->energy_uj += sampled->rest_half_nj / HALF_NJ_PER_UJ;
        sampled->rest_half_nj %= HALF_NJ_PER_UJ;
        if (apart_us > 0)
            sampled->usual_us = sampled->usual_us == 0 ? apart_us : (15 * sampled->usual_us + apart_us + 15) / 16;
    }
    sampled->time_us = time_us;
    sampled->power_mw = power_mw;
    return whole;
}

static void start(struct pc_power_sampled *sampled, const struct pc_nvml_sample *samples, size_t count)
{
    const struct pc_nvml_sample *last = &samples[count - 1];
    *sampled = (struct pc_power_sampled){
        .power_mw = last->value.as_unsigned_long_long, .time_us = last->time_us, .started = true};
    if (count > 1 && last->time_us > samples[0].time_us)
        sampled->usual_us = (last->time_us - samples[0].time_us) / (count - 1);
}

uint64_t pc_power_follow(struct pc_power_sampled *sampled, const struct pc_nvml_sample *samples, size_t count)
{
    if (count > 0 && !sampled->started) {
        start(sampled, samples, count);
        return 0;
    }
    size_t next = count; /* after the one taken last */
    while (next > 0 && samples[next - 1].time_us != sampled->time_us)
        next--;
    bool whole = true;
    for (size_t i = next; i < count; i++)
        whole &= add(sampled, samples[i].time_us, samples[i].value.as_unsigned_long_long, i > 0);
    if (!whole) /* what came after the hole may be more than was before: that would be no reset to a counter */
        sampled->energy_uj = sampled->rest_half_nj = 0;
    return sampled->energy_uj;
}
