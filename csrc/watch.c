/* watch: see watch.h. */
#include "watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const int64_t REFRESH_NS = 1000000000;

/* Between reading one clock and the other a thread may be preempted: what is shorter is no suspend. */
static const int64_t SHORTEST_SUSPEND_NS = 1000000;

static int64_t offset_ns(const struct pc_watch *watch)
{
    const struct pc_clock *clock = watch->clock;
    if (clock->boottime_ns == NULL)
        return 0;
    int64_t boottime_ns = clock->boottime_ns(clock);
    return boottime_ns - clock->now_ns(clock); /* in this order an interruption makes it smaller, never larger */
}

/* How long this thread has stood in a run queue so far, or -1. */
static int64_t waited_ns(const struct pc_watch *watch)
{
    char text[96];
    long long ran, waited;
    ssize_t length = watch->schedstat < 0 ? -1 : pread(watch->schedstat, text, sizeof text - 1, 0);
    if (length <= 0)
        return -1;
    text[length] = '\0';
    return sscanf(text, "%lld %lld", &ran, &waited) == 2 ? (int64_t)waited : -1;
}

void pc_watch_start(struct pc_watch *watch, const struct pc_clock *clock)
{
    watch->clock = clock;
    watch->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    watch->asleep_ns = offset_ns(watch);
    for (int attempt = 0; attempt < 3; attempt++) { /* a baseline that is too small would pass for a suspend later */
        int64_t offset = offset_ns(watch);
        if (offset > watch->asleep_ns)
            watch->asleep_ns = offset;
    }
    watch->waited_ns = waited_ns(watch);
    watch->waited_at_ns = clock->now_ns(clock);
}

void pc_watch_stop(struct pc_watch *watch)
{
    if (watch->schedstat >= 0)
        close(watch->schedstat);
    watch->schedstat = -1;
}

int64_t pc_watch_asleep_ns(struct pc_watch *watch)
{
    int64_t offset = offset_ns(watch);
    int64_t since_ns = offset - watch->asleep_ns;
    if (since_ns < SHORTEST_SUSPEND_NS)
        return 0;
    watch->asleep_ns = offset;
    return since_ns;
}

enum pc_gap_cause pc_watch_cause(struct pc_watch *watch, int64_t gap_ns)
{
    int64_t waited = waited_ns(watch);
    if (waited < 0 || watch->waited_ns < 0)
        return PC_GAP_UNKNOWN;
    int64_t since_ns = waited - watch->waited_ns;
    watch->waited_ns = waited;
    return since_ns >= gap_ns / 2 ? PC_GAP_STARVED : PC_GAP_STALLED;
}

void pc_watch_refresh(struct pc_watch *watch, int64_t now_ns)
{
    if (now_ns - watch->waited_at_ns < REFRESH_NS)
        return;
    watch->waited_at_ns = now_ns;
    watch->waited_ns = waited_ns(watch);
}

void pc_watch_say(struct pc_ring *ring, int64_t from_ns, int64_t until_ns, enum pc_gap_cause cause, int64_t asleep_ns)
{
    (void)pc_ring_push(ring, &(struct pc_edge){.t_before_ns = from_ns,
                                               .t_seen_ns = until_ns,
                                               .raw = (uint64_t)asleep_ns,
                                               .channel = PC_EDGE_ALL,
                                               .flags = PC_EDGE_GAP,
                                               .error = (int32_t)cause});
}
