/* turns: see turns.h. */
#include "turns.h"

#include "bounds.h"

/* Counters wrap, and a phase is forgotten: nobody waits longer, whatever it costs. */
static const int64_t LONGEST_WAIT_NS = 1000000000;

/* The smallest ranges that anybody should meet last longer; what has none does not wrap. */
static const int64_t LONGEST_UNSEEN_NS = 40000000;

/* Whether `one` has waited longer than `other`: an order without ties. */
static bool waits_longer(const struct pc_channel *one, const struct pc_channel *other)
{
    int64_t one_ns = one->phase.closed_ns, other_ns = other->phase.closed_ns;
    return one_ns < other_ns || (one_ns == other_ns && one < other);
}

/* Who has waited longest of those that chose after `latest`, or of all; NULL: nobody. */
static struct pc_channel *next_to_choose(struct pc_channel *channels, size_t count, const struct pc_channel *latest)
{
    struct pc_channel *next = NULL;
    for (size_t i = 0; i < count; i++)
        if (channels[i].every_ns == 0 && (latest == NULL || waits_longer(latest, &channels[i])) &&
            (next == NULL || waits_longer(&channels[i], next)))
            next = &channels[i];
    return next;
}

/* The look of one who chose before, and for which too little would be left after that of `channel`; or NULL. */
static const struct pc_phase *spoiled(const struct pc_channel *channels, size_t count, const struct pc_channel *channel,
                                      int64_t recovery_ns)
{
    const struct pc_phase *mine = &channel->phase;
    int64_t edge_ns = mine->state == PC_PHASE_FOLLOWING ? mine->target_ns : mine->next_ns;
    for (size_t i = 0; i < count; i++) {
        const struct pc_phase *theirs = &channels[i].phase;
        if (channels[i].every_ns == 0 && theirs->state == PC_PHASE_FOLLOWING && waits_longer(&channels[i], channel) &&
            edge_ns < theirs->next_ns && theirs->next_ns - edge_ns < recovery_ns)
            return theirs;
    }
    return NULL;
}

void pc_turns_plan(struct pc_channel *channels, size_t count, int64_t time_ns, int64_t not_before_ns,
                   int64_t recovery_ns)
{
    struct pc_channel *channel = NULL;
    while ((channel = next_to_choose(channels, count, channel)) != NULL) {
        const struct pc_phase *theirs = NULL;
        int64_t latest_ns = pc_most(channel->phase.closed_ns + LONGEST_WAIT_NS, time_ns);
        int64_t from_ns = pc_least(not_before_ns, latest_ns), edge_ns = from_ns;
        for (size_t tries = 0; tries <= count; tries++) { /* each moves it behind at least one */
            pc_phase_plan(&channel->phase, time_ns, from_ns, pc_least(edge_ns, latest_ns));
            if (channel->phase.looking || channel->phase.state == PC_PHASE_STILL || edge_ns >= latest_ns)
                break;
            theirs = spoiled(channels, count, channel, recovery_ns);
            if (theirs == NULL)
                break;
            edge_ns = theirs->next_ns;
        }
    }
}

int64_t pc_turns_glance_ns(const struct pc_channel *channel)
{
    if (channel->every_ns > 0 || channel->error != 0 || channel->phase.state == PC_PHASE_STILL)
        return INT64_MAX;
    int64_t unseen_ns = channel->counter.range > 0 ? LONGEST_UNSEEN_NS : LONGEST_WAIT_NS;
    return pc_least(channel->phase.glance_ns, channel->good_ns + unseen_ns);
}

int64_t pc_turns_next_ns(const struct pc_channel *channels, size_t count)
{
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        next_ns = pc_least(next_ns, pc_least(channels[i].phase.next_ns, pc_turns_glance_ns(&channels[i])));
    return next_ns;
}

bool pc_turns_due(const struct pc_channel *channels, size_t count, int64_t time_ns)
{
    for (size_t i = 0; i < count; i++)
        if (channels[i].phase.next_ns <= time_ns)
            return true;
    return false;
}
