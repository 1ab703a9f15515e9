/* channel: see channel.h. */
#include "channel.h"

/* Opening costs many times a reading, and what is gone is mostly gone for good. */
static const int64_t RENEW_AFTER_NS = 1000000000;

static uint16_t flags_of(enum pc_counter_step step)
{
    switch (step) {
    case PC_COUNTER_FIRST:
        return PC_EDGE_FIRST;
    case PC_COUNTER_CORRECTED:
        return PC_EDGE_WRAPPED;
    case PC_COUNTER_RESET:
        return PC_EDGE_RESET;
    case PC_COUNTER_SAME:
    case PC_COUNTER_DIFFERENCE:
        break;
    }
    return 0;
}

static void renew_if_due(struct pc_channel *channel, int64_t start_ns)
{
    struct pc_source *source = channel->source;
    bool read_before = channel->counter.started || channel->error != 0;
    if (read_before && start_ns - channel->news_ns < RENEW_AFTER_NS)
        return;
    channel->news_ns = start_ns;
    if (read_before && source->renew != NULL)
        source->renew(source, channel->index);
}

int64_t pc_channel_read(struct pc_channel *channel, struct pc_ring *ring, const struct pc_clock *clock,
                        int64_t start_ns)
{
    uint64_t raw, difference;
    renew_if_due(channel, start_ns);
    int error = channel->source->read(channel->source, channel->index, &raw);
    int64_t end_ns = clock->now_ns(clock);
    int before = channel->error;
    channel->error = error;
    channel->changed = false;

    /* A full ring counts what it drops. */
    if (error != 0) {
        if (before == 0)
            (void)pc_ring_push(ring,
                               &(struct pc_edge){.t_before_ns = channel->counter.started ? channel->good_ns : start_ns,
                                                 .t_seen_ns = end_ns,
                                                 .raw = channel->counter.last,
                                                 .channel = channel->id,
                                                 .flags = PC_EDGE_LOST,
                                                 .error = -error});
        return end_ns;
    }

    bool first = !channel->counter.started;
    enum pc_counter_step step = pc_counter_update(&channel->counter, raw, end_ns, &difference);
    channel->changed = step != PC_COUNTER_SAME;
    if (channel->changed || before != 0)
        channel->news_ns = end_ns;
    if (channel->changed || before != 0)
        (void)pc_ring_push(ring,
                           &(struct pc_edge){.t_before_ns = first ? start_ns : channel->good_ns,
                                             .t_seen_ns = end_ns,
                                             .raw = raw,
                                             .channel = channel->id,
                                             .flags = (uint16_t)(flags_of(step) | (before != 0 ? PC_EDGE_FOUND : 0))});
    channel->good_ns = start_ns;
    return end_ns;
}

void pc_channel_finish(const struct pc_channel *channel, struct pc_ring *ring, int64_t time_ns)
{
    if (channel->counter.started && channel->error == 0)
        (void)pc_ring_push(ring, &(struct pc_edge){.t_before_ns = channel->good_ns,
                                                   .t_seen_ns = time_ns,
                                                   .raw = channel->counter.last,
                                                   .channel = channel->id,
                                                   .flags = PC_EDGE_LAST});
}
