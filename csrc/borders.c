/* borders: see borders.h. */
#include "borders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

#define MOST_WIDER 8 /* than the closest of the latest edges */
#define MOST_WAITING 65536

int pc_borders_init(struct pc_borders *borders, const struct pc_reducer_feed *feeds, size_t feed_count)
{
    *borders = (struct pc_borders){0};
    borders->waiting = calloc(MOST_WAITING, sizeof *borders->waiting);
    borders->feeds = calloc(feed_count + 1, sizeof *borders->feeds);
    if (borders->waiting == NULL || borders->feeds == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < feed_count; i++) {
        struct pc_borders_feed *feed = &borders->feeds[i];
        feed->channels = calloc(feeds[i].channel_count + 1, sizeof *feed->channels);
        if (feed->channels == NULL)
            return -ENOMEM;
        borders->feed_count = i + 1;
        feed->ring = feeds[i].ring;
        feed->cursor = atomic_load_explicit(&feed->ring->header->tail, memory_order_relaxed); /* any start will do */
        feed->channel_count = feeds[i].channel_count;
        for (size_t j = 0; j < feed->channel_count; j++)
            feed->channels[j].id = feeds[i].channels[j];
    }
    return 0;
}

void pc_borders_free(struct pc_borders *borders)
{
    for (size_t i = 0; i < borders->feed_count; i++)
        free(borders->feeds[i].channels);
    free(borders->feeds);
    free(borders->waiting);
    *borders = (struct pc_borders){0};
}

static bool is_close(struct pc_borders_channel *channel, int64_t width_ns)
{
    channel->widths_ns[channel->count++ % PC_BORDERS_WIDTHS] = width_ns;
    size_t known = channel->count < PC_BORDERS_WIDTHS ? channel->count : PC_BORDERS_WIDTHS;
    int64_t least_ns = width_ns;
    for (size_t i = 0; i < known; i++)
        least_ns = pc_least(least_ns, channel->widths_ns[i]);
    return width_ns <= MOST_WIDER * least_ns;
}

static void put(struct pc_borders *borders, struct pc_border border, int64_t folded_ns)
{
    if (border.time_ns <= folded_ns || borders->count == MOST_WAITING) {
        borders->late++;
        return;
    }
    size_t at = borders->count++;
    for (; at > 0 && borders->waiting[at - 1].time_ns > border.time_ns; at--)
        borders->waiting[at] = borders->waiting[at - 1];
    borders->waiting[at] = border;
}

static void consider(struct pc_borders *borders, struct pc_borders_feed *feed, const struct pc_edge *edge,
                     int64_t folded_ns)
{
    if ((edge->flags & ~PC_EDGE_WRAPPED) != 0)
        return;
    int64_t width_ns = edge->t_seen_ns - edge->t_before_ns;
    for (size_t i = 0; i < feed->channel_count; i++) {
        struct pc_borders_channel *channel = &feed->channels[i];
        if (channel->id == edge->channel && is_close(channel, width_ns))
            put(borders, (struct pc_border){edge->t_before_ns + width_ns / 2, edge->channel}, folded_ns);
    }
}

void pc_borders_read(struct pc_borders *borders, int64_t folded_ns)
{
    for (size_t i = 0; i < borders->feed_count; i++) {
        struct pc_borders_feed *feed = &borders->feeds[i];
        const struct pc_ring *ring = feed->ring;
        /* acquire: pairs with the release in pc_ring_push */
        uint64_t head = atomic_load_explicit(&ring->header->head, memory_order_acquire);
        uint64_t most = ring->capacity - ring->capacity / 8; /* the oldest slots may be written over as we read */
        if (head - feed->cursor > most)
            feed->cursor = head - most;
        while (feed->cursor != head) {
            struct pc_edge edge = ring->slots[feed->cursor++ & (ring->capacity - 1)];
            consider(borders, feed, &edge, folded_ns);
        }
    }
}

void pc_borders_drop(struct pc_borders *borders, size_t count)
{
    borders->count -= count;
    memmove(borders->waiting, borders->waiting + count, borders->count * sizeof *borders->waiting);
}
