/*
 * seen: the threads that were found in the home: a hash table that only grows, some 32 bytes for each.
 *
 * All zero is an empty one; its owner frees `slots`.
 */
#ifndef PYCARBON_SEEN_H
#define PYCARBON_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct pc_seen_slot {
    uint64_t process;
    uint64_t thread; /* and 1; 0 is free */
};

struct pc_seen {
    struct pc_seen_slot *slots;
    size_t count, room; /* a power of two, at most half full */
};

static inline struct pc_seen_slot *pc_seen_at(struct pc_seen_slot *slots, size_t room, struct pc_seen_slot wanted)
{
    uint64_t hash = (wanted.process ^ wanted.thread * UINT64_C(0x9E3779B97F4A7C15)) >> 7;
    size_t at = hash & (room - 1);
    while (slots[at].thread != 0 && (slots[at].thread != wanted.thread || slots[at].process != wanted.process))
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static inline bool pc_seen_has(const struct pc_seen *seen, uint64_t process, uint32_t thread)
{
    struct pc_seen_slot wanted = {process, (uint64_t)thread + 1};
    return seen->room > 0 && pc_seen_at(seen->slots, seen->room, wanted)->thread != 0;
}

/* Adds a thread; false where it was there, or there is no memory to know. */
static inline bool pc_seen_add(struct pc_seen *seen, uint64_t process, uint32_t thread)
{
    if (seen->count * 2 >= seen->room) {
        size_t room = seen->room == 0 ? 64 : seen->room * 2;
        struct pc_seen_slot *slots = calloc(room, sizeof *slots);
        if (slots == NULL)
            return false;
        for (size_t i = 0; i < seen->room; i++) {
            if (seen->slots[i].thread != 0)
                *pc_seen_at(slots, room, seen->slots[i]) = seen->slots[i];
        }
        free(seen->slots);
        seen->slots = slots;
        seen->room = room;
    }
    struct pc_seen_slot wanted = {process, (uint64_t)thread + 1};
    struct pc_seen_slot *found = pc_seen_at(seen->slots, seen->room, wanted);
    if (found->thread != 0)
        return false;
    *found = wanted;
    seen->count++;
    return true;
}

#endif
