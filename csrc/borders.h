/*
 * borders: which edges of counters cut time into slices.
 *
 * Edges are looked at in the sampler's rings with a cursor of our own: whether the recorder has consumed them does
 * not matter, a slot is written again much later.  Who fell behind by most of a ring leaves out the oldest.  An edge
 * is a border if it was seen about as closely as others of its channel; one that was merely found between two looks
 * is none.
 */
#ifndef PYCARBON_BORDERS_H
#define PYCARBON_BORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reducer.h"

struct pc_border {
    int64_t time_ns; /* the middle of the edge's two times */
    uint16_t channel;
};

#define PC_BORDERS_WIDTHS 32

struct pc_borders_channel {
    uint16_t id;
    uint32_t count;
    int64_t widths_ns[PC_BORDERS_WIDTHS]; /* of its latest edges */
};

struct pc_borders_feed {
    const struct pc_ring *ring;
    uint64_t cursor;
    struct pc_borders_channel *channels;
    size_t channel_count;
};

struct pc_borders {
    struct pc_borders_feed *feeds;
    size_t feed_count;
    struct pc_border *waiting; /* in order of time */
    size_t count;
    uint64_t late; /* edges before what was folded when they came */
};

/* 0 or -ENOMEM, and then there is still something to free. */
int pc_borders_init(struct pc_borders *borders, const struct pc_reducer_feed *feeds, size_t feed_count);
void pc_borders_free(struct pc_borders *borders);

/* Takes in what edges are new; those not after `folded_ns` are late. */
void pc_borders_read(struct pc_borders *borders, int64_t folded_ns);

/* Forgets the first of the waiting. */
void pc_borders_drop(struct pc_borders *borders, size_t count);

#endif
