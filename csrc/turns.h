/*
 * turns: who is looked at next, where there is not enough time to look at every edge of every counter.
 *
 * Used by one thread, the sampler's.
 */
#ifndef PYCARBON_TURNS_H
#define PYCARBON_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

/*
 * It is `time_ns`: plans the next look at each of those `channels` that are looked at closely, none to open before
 * `not_before_ns`.  Who has waited longest chooses first.  Who comes after does not spend what those before wait for:
 * looks with them, or after them, but not within `recovery_ns` before them.  Who was not read for a second is next.
 */
void pc_turns_plan(struct pc_channel *channels, size_t count, int64_t time_ns, int64_t not_before_ns,
                   int64_t recovery_ns);

/* When a counter is to be read between looks: in the middle of what is left out, and before it may have wrapped. */
int64_t pc_turns_glance_ns(const struct pc_channel *channel);

/* When any of them is to be read next, be it a glance; INT64_MAX: never. */
int64_t pc_turns_next_ns(const struct pc_channel *channels, size_t count);

/* Whether the time of any planned reading has come, glances apart. */
bool pc_turns_due(const struct pc_channel *channels, size_t count, int64_t time_ns);

#endif
