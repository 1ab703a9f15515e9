/* threads: see threads.h. */
#include "threads.h"

#include <sched.h>

/* Every field tells the number, so that an edge made of two shows. */
static struct pc_edge numbered(uint64_t number)
{
    return (struct pc_edge){.t_before_ns = (int64_t)number,
                            .t_seen_ns = (int64_t)number + 1,
                            .raw = ~number,
                            .channel = (uint16_t)number,
                            .error = (int32_t)(number & INT32_MAX)};
}

static bool whole(const struct pc_edge *edge)
{
    struct pc_edge want = numbered((uint64_t)edge->t_before_ns);
    return edge->t_seen_ns == want.t_seen_ns && edge->raw == want.raw && edge->channel == want.channel &&
           edge->flags == want.flags && edge->error == want.error;
}

struct test_produced test_produce(struct pc_ring *ring, uint64_t count, int all)
{
    struct test_produced produced = {0};
    for (uint64_t number = 0; number < count; number++) {
        struct pc_edge edge = numbered(number);
        bool again = all || number == count - 1;
        bool accepted;
        while (!(accepted = pc_ring_push(ring, &edge)) && again) {
            produced.refused++;
            sched_yield();
        }
        produced.accepted += accepted;
        produced.refused += !accepted;
    }
    return produced;
}

struct test_consumed test_consume_until(struct pc_ring *ring, uint64_t last, uint64_t batch)
{
    struct pc_edge edges[64];
    struct test_consumed consumed = {0};
    while (consumed.next <= last) {
        size_t count = pc_ring_peek(ring, edges, (size_t)(batch < 64 ? batch : 64));
        for (size_t i = 0; i < count; i++) {
            uint64_t number = (uint64_t)edges[i].t_before_ns;
            consumed.faults += !whole(&edges[i]) || number < consumed.next;
            consumed.next = number + 1;
        }
        consumed.edges += count;
        consumed.faults += pc_ring_consume(ring, count) != 0;
        if (count == 0)
            sched_yield();
    }
    return consumed;
}
