/* ticks: see ticks.h. */
#include "ticks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static enum pc_ticks_source find_source(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (__get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & (1u << 8)) != 0) /* invariant TSC */
        return PC_TICKS_TSC;
#elif defined(__aarch64__)
    return PC_TICKS_ARM;
#endif
    return PC_TICKS_NS;
}

enum pc_ticks_source pc_ticks_source(void)
{
    static _Atomic int found = -1;
    int known = found;
    if (known < 0)
        found = known = find_source(); /* two threads that ask at once find the same */
    return (enum pc_ticks_source)known;
}

struct pc_ticks_anchor pc_ticks_anchor_now(enum pc_ticks_source source)
{
    const struct pc_clock *clock = pc_clock_monotonic();
    struct pc_ticks_anchor best = {0};
    for (int i = 0; i < 3; i++) { /* an interrupt between the readings spoils one, hardly three */
        int64_t before_ns = clock->now_ns(clock);
        uint64_t ticks = pc_ticks_now(source);
        int64_t after_ns = clock->now_ns(clock);
        int64_t uncertainty_ns = (after_ns - before_ns) / 2;
        if (i == 0 || uncertainty_ns < best.uncertainty_ns)
            best = (struct pc_ticks_anchor){ticks, before_ns + uncertainty_ns, uncertainty_ns};
    }
    if (source == PC_TICKS_NS)
        best.monotonic_ns = (int64_t)best.ticks;
    return best;
}

#define BASE_NS 500000000
#define JUMP_NS 10000000

void pc_ticks_line_begin(struct pc_ticks_line *line, struct pc_ticks_anchor anchor)
{
    *line = (struct pc_ticks_line){
        .to_ticks = anchor.ticks,
        .to_ns = anchor.monotonic_ns,
        .from_ticks = anchor.ticks,
        .from_ns = anchor.monotonic_ns,
        .next_ticks = anchor.ticks,
        .next_ns = anchor.monotonic_ns,
    };
}

int64_t pc_ticks_line_move(struct pc_ticks_line *line, struct pc_ticks_anchor anchor)
{
    int64_t apart = (int64_t)(anchor.ticks - line->to_ticks);
    if (apart == 0)
        return 0;
    int64_t error_ns = line->slope_q32 == 0 ? 0 : pc_ticks_line_ns(line, apart) - anchor.monotonic_ns;
    bool is_jump = error_ns > JUMP_NS || error_ns < -JUMP_NS;
    /* where the line only just began, it is the slope that is off; where it has none, it cannot tell */
    bool is_new = line->to_ticks == line->from_ticks;
    if ((is_jump && !is_new) || (apart < 0 && (is_jump || line->slope_q32 == 0))) {
        int64_t slope_q32 = line->slope_q32;
        pc_ticks_line_begin(line, anchor);
        line->slope_q32 = slope_q32;
        return error_ns < 0 ? -error_ns : error_ns;
    }
    if (apart < 0) /* another CPU's counter, a little behind */
        return 0;
    line->to_ticks = anchor.ticks;
    line->to_ns = anchor.monotonic_ns;
    double slope = (double)(line->to_ns - line->from_ns) / (double)(int64_t)(line->to_ticks - line->from_ticks);
    line->slope_q32 = (int64_t)(slope * 4294967296.0);
    if (line->to_ns - line->next_ns >= BASE_NS) {
        line->from_ticks = line->next_ticks;
        line->from_ns = line->next_ns;
        line->next_ticks = line->to_ticks;
        line->next_ns = line->to_ns;
    }
    return (error_ns < 0 ? -error_ns : error_ns) + anchor.uncertainty_ns;
}
