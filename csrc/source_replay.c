/* source_replay: a recorded series played back on a given clock; see source.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

struct reading {
    int64_t time_ns;
    uint64_t raw;
    int32_t error;
};

struct replay {
    struct pc_source source; /* first, so that a pc_source is one of these */
    const struct pc_clock *clock;
    size_t length;
    size_t next; /* the first reading that still lies ahead: time only grows, so no search */
    struct reading readings[];
};

static int replay_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct replay *replay = (struct replay *)source;
    int64_t now_ns = replay->clock->now_ns(replay->clock);

    (void)index;
    while (replay->next < replay->length && replay->readings[replay->next].time_ns <= now_ns)
        replay->next++;
    if (replay->next == 0)
        return -ENODATA;
    const struct reading *current = &replay->readings[replay->next - 1];
    *raw = current->raw;
    return current->error == 0 ? 0 : -current->error;
}

static void replay_close(struct pc_source *source)
{
    free(source);
}

int pc_source_replay_open(struct pc_source **out, const struct pc_clock *clock, const int64_t *time_ns,
                          const uint64_t *raw, const int32_t *error, size_t count)
{
    struct replay *replay = calloc(1, sizeof *replay + count * sizeof replay->readings[0]);
    if (replay == NULL)
        return -ENOMEM;
    replay->source = (struct pc_source){.read = replay_read, .close = replay_close, .count = 1};
    replay->clock = clock;
    replay->length = count;
    for (size_t i = 0; i < count; i++)
        replay->readings[i] = (struct reading){.time_ns = time_ns[i], .raw = raw[i], .error = error[i]};
    *out = &replay->source;
    return 0;
}
