/* source_perf: system-wide counts of the kernel's perf events, such as those of the `power` PMU; see source.h. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "source.h"

struct event {
    struct pc_perf_event what;
    int fd;
    bool failed;         /* the latest reading */
    uint64_t counted_ns; /* for how long it had been counting at the latest good reading */
};

struct perf {
    struct pc_source source; /* first, so that a pc_source is one of these */
    struct event events[];
};

/* Leaves an event that is open as it is unless another could be opened in its place. */
static int open_event(struct event *event)
{
    struct perf_event_attr attributes = {.size = sizeof attributes,
                                         .type = event->what.type,
                                         .config = event->what.config,
                                         .read_format = PERF_FORMAT_TOTAL_TIME_RUNNING};
    int fd = (int)syscall(SYS_perf_event_open, &attributes, (pid_t)-1, event->what.cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (event->fd >= 0)
        close(event->fd);
    event->fd = fd;
    event->counted_ns = 0;
    return 0;
}

static int read_count(struct event *event, uint64_t *raw)
{
    struct {
        uint64_t count;
        uint64_t counted_ns;
    } now;
    ssize_t length = read(event->fd, &now, sizeof now);
    if (length < 0)
        return -errno;
    if (length != (ssize_t)sizeof now)
        return -ENODEV; /* 0 bytes: the kernel gave the event up */
    /*
     * The kernel takes the events of a CPU that goes offline out of service without a word: they answer with their
     * last count for ever, also when the CPU is back.  The time tells them from a counter that is merely quiet.
     */
    if (now.counted_ns == event->counted_ns)
        return -ENODEV;
    event->counted_ns = now.counted_ns;
    *raw = now.count;
    return 0;
}

static int perf_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct event *event = &((struct perf *)source)->events[index];
    int error = read_count(event, raw);
    event->failed = error != 0;
    return error;
}

static void perf_renew(struct pc_source *source, size_t index)
{
    struct event *event = &((struct perf *)source)->events[index];
    if (event->failed) /* a new one in the place of one that is merely quiet would lose its count */
        (void)open_event(event);
}

static void perf_close(struct pc_source *source)
{
    struct perf *perf = (struct perf *)source;
    for (size_t i = 0; i < source->count; i++)
        if (perf->events[i].fd >= 0)
            close(perf->events[i].fd);
    free(perf);
}

int pc_source_perf_open(struct pc_source **out, const struct pc_perf_event *events, size_t count)
{
    struct perf *perf = calloc(1, sizeof *perf + count * sizeof perf->events[0]);
    if (perf == NULL)
        return -ENOMEM;
    perf->source = (struct pc_source){.read = perf_read, .renew = perf_renew, .close = perf_close};

    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        perf->events[i] = (struct event){.what = events[i], .fd = -1};
        error = open_event(&perf->events[i]);
        perf->source.count++; /* so that close closes this one too */
    }
    if (error != 0) {
        perf_close(&perf->source);
        return error;
    }
    *out = &perf->source;
    return 0;
}
