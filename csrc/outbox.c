/* outbox: see outbox.h. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 1024

bool pc_outbox_reserve(struct pc_outbox *outbox, size_t count)
{
    size_t waiting = outbox->end - outbox->first;
    if (waiting + count > outbox->most)
        return false;
    if (outbox->end + count <= outbox->room)
        return true;
    if (outbox->first > 0) {
        memmove(outbox->bytes, outbox->bytes + outbox->first * outbox->each, waiting * outbox->each);
        outbox->first = 0;
        outbox->end = waiting;
        if (waiting + count <= outbox->room / 2)
            return true;
    }
    size_t room = outbox->room == 0 ? FIRST_ROOM : outbox->room;
    while (room < waiting + count)
        room *= 2;
    char *bytes = realloc(outbox->bytes, room * outbox->each);
    if (bytes == NULL)
        return waiting + count <= outbox->room;
    outbox->bytes = bytes;
    outbox->room = room;
    return true;
}

void pc_outbox_put(struct pc_outbox *outbox, const void *one)
{
    memcpy(outbox->bytes + outbox->end++ * outbox->each, one, outbox->each);
}

size_t pc_outbox_take(struct pc_outbox *outbox, void *out, size_t max)
{
    size_t waiting = outbox->end - outbox->first;
    size_t count = waiting < max ? waiting : max;
    if (count > 0)
        memcpy(out, outbox->bytes + outbox->first * outbox->each, count * outbox->each);
    outbox->first += count;
    if (outbox->first == outbox->end)
        outbox->first = outbox->end = 0;
    return count;
}

void pc_outbox_free(struct pc_outbox *outbox)
{
    free(outbox->bytes);
    *outbox = (struct pc_outbox){0};
}
