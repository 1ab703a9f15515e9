/* stream: see stream.h. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "quiet.h"

#define RETRY_NS INT64_C(1000000000)

/* Capacities of a thread's rings, one after the other: a thread that marks now and then takes ten pages, and one that
 * does nothing else has a fifth of a second until the reducer must have come by. */
static const uint64_t CAPACITIES[] = {1 << 12, 1 << 15, 1 << 18, 1 << 20, 1 << 22};
#define CAPACITY_COUNT (sizeof CAPACITIES / sizeof *CAPACITIES)

void pc_stream_forget(struct pc_stream *stream)
{
    if (stream->header != NULL)
        munmap(stream->header, stream->mapped_bytes);
    stream->header = NULL;
    stream->capacity = stream->head = stream->tail_seen = 0;
}

void pc_stream_end(struct pc_stream *stream)
{
    if (stream->header != NULL) {
        stream->header->closed_ticks = pc_ticks_now(stream->ticks_source);
        /* release: pairs with the reducer's acquire; whoever sees the end sees all words */
        atomic_store_explicit(&stream->header->state, PC_MARKS_ENDED, memory_order_release);
    }
    pc_stream_forget(stream);
}

/* Whether the recorder died: the kernel then let go of the lock on its run file. */
static bool is_abandoned(const struct pc_stream *stream)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/../" PC_MARKS_RUN_FILE, stream->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false; /* who cannot read it cannot know */
    bool abandoned = flock(fd, LOCK_SH | LOCK_NB) == 0;
    close(fd);
    return abandoned;
}

static void lost_path(const struct pc_stream *stream, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/lost-%016" PRIx64 "-%" PRIu32, stream->path, stream->process, stream->thread);
}

/* Makes the ring of that number; false where that cannot be, and then the stream is as it was. */
static bool open_ring(struct pc_stream *stream, uint32_t number)
{
    uint64_t capacity = CAPACITIES[number < CAPACITY_COUNT ? number : CAPACITY_COUNT - 1];
    size_t bytes = PC_MARKS_HEADER_BYTES + (size_t)capacity * sizeof(uint64_t);
    char hidden[PATH_MAX], path[PATH_MAX];
    snprintf(hidden, sizeof hidden, "%s/.marks-%016" PRIx64 "-%" PRIu32 "-%" PRIu32, stream->path, stream->process,
             stream->thread, number);
    snprintf(path, sizeof path, "%s/marks-%016" PRIx64 "-%" PRIu32 "-%" PRIu32, stream->path, stream->process,
             stream->thread, number);
    int fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    int error;
    do /* reserved: on a full disk a sparse file would answer a mark with SIGBUS */
        error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR);
    struct pc_marks_header *header = MAP_FAILED;
    if (error == 0)
        header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (header == MAP_FAILED) {
        unlink(hidden);
        return false;
    }
    struct stat status;
    memcpy(header->magic, PC_MARKS_MAGIC, sizeof header->magic);
    header->version = PC_MARKS_VERSION;
    header->ticks_source = (uint32_t)stream->ticks_source;
    header->capacity = capacity;
    header->process = stream->process;
    header->pid_namespace = stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
    header->pid = (int32_t)getpid();
    header->tid = (int32_t)syscall(SYS_gettid);
    header->thread = stream->thread;
    header->number = number;
    header->opened_ticks = pc_ticks_now(stream->ticks_source);
    header->dropped = stream->lost;
    if (rename(hidden, path) < 0) {
        munmap(header, bytes);
        unlink(hidden);
        return false;
    }
    if (stream->header != NULL) {
        stream->header->closed_ticks = pc_ticks_now(stream->ticks_source);
        /* release: as in pc_stream_end; the next ring is there already */
        atomic_store_explicit(&stream->header->state, PC_MARKS_CONTINUED, memory_order_release);
        pc_stream_forget(stream);
    }
    if (stream->lost > 0) {
        lost_path(stream, path);
        unlink(path);
        stream->lost = 0;
    }
    stream->header = header;
    stream->slots = (_Atomic uint64_t *)(void *)((char *)header + PC_MARKS_HEADER_BYTES);
    stream->capacity = capacity;
    stream->head = stream->tail_seen = 0;
    stream->mapped_bytes = bytes;
    stream->number = number;
    return true;
}

void pc_stream_begin(struct pc_stream *stream, const char *path, uint64_t process, uint32_t thread,
                     enum pc_ticks_source source)
{
    memcpy(stream->path, path, strlen(path) + 1);
    stream->process = process;
    stream->thread = thread;
    stream->ticks_source = source;
}

static int64_t coarsely_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool pc_stream_open(struct pc_stream *stream)
{
    uint32_t number = stream->header == NULL ? stream->number : stream->number + 1;
    if (number == CAPACITY_COUNT)
        return false;
    int64_t now_ns = coarsely_now_ns();
    if (now_ns < stream->retry_ns)
        return false;
    struct pc_quiet quiet;
    pc_quiet_begin(&quiet);
    bool abandoned = is_abandoned(stream), opened = !abandoned && open_ring(stream, number);
    if (!opened) {
        stream->retry_ns = now_ns + RETRY_NS;
        char path[PATH_MAX];
        lost_path(stream, path);
        if (stream->header == NULL && !abandoned)
            mknod(path, S_IFREG | 0600, 0); /* a file without a descriptor: there may be none left */
    }
    pc_quiet_end(&quiet);
    return opened;
}

bool pc_stream_make_room(struct pc_stream *stream)
{
    if (stream->header != NULL) {
        /* acquire: pairs with the reducer's release; it is done with the slot we overwrite */
        stream->tail_seen = atomic_load_explicit(&stream->header->tail, memory_order_acquire);
        if (stream->head - stream->tail_seen < stream->capacity)
            return true;
    }
    if (pc_stream_open(stream))
        return true;
    if (stream->header == NULL) {
        stream->lost++;
        return false;
    }
    uint64_t dropped = atomic_load_explicit(&stream->header->dropped, memory_order_relaxed); /* our own */
    atomic_store_explicit(&stream->header->dropped, dropped + 1, memory_order_relaxed);
    return false;
}
