/* ring: see ring.h. */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct pc_ring_header) <= PC_RING_HEADER_BYTES, "the header is one page");

static int map(struct pc_ring *ring, int fd, size_t bytes, int protection)
{
    int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void *pages = mmap(NULL, bytes, protection, flags, fd, 0);
    if (pages == MAP_FAILED)
        return -errno;
    ring->header = pages;
    ring->slots = (struct pc_edge *)((char *)pages + PC_RING_HEADER_BYTES);
    ring->mapped_bytes = bytes;
    return 0;
}

static size_t file_bytes(uint64_t capacity)
{
    return PC_RING_HEADER_BYTES + (size_t)capacity * sizeof(struct pc_edge);
}

static bool is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

int pc_ring_create(struct pc_ring *ring, const char *path, uint64_t capacity)
{
    *ring = (struct pc_ring){0};
    if (!is_power_of_two(capacity) || capacity > UINT64_C(1) << 32)
        return -EINVAL;

    size_t bytes = file_bytes(capacity);
    int fd = -1;
    int error = 0;
    if (path != NULL) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return -errno;
        do
            error = -posix_fallocate(fd, 0, (off_t)bytes);
        while (error == -EINTR);
    }
    if (error == 0)
        error = map(ring, fd, bytes, PROT_READ | PROT_WRITE);
    if (fd >= 0)
        close(fd);
    if (error != 0) {
        if (path != NULL)
            unlink(path);
        return error;
    }

    ring->capacity = capacity;
    struct pc_ring_header *header = ring->header;
    memcpy(header->magic, PC_RING_MAGIC, sizeof header->magic);
    header->version = PC_RING_VERSION;
    header->slot_bytes = (uint32_t)sizeof(struct pc_edge);
    header->capacity = capacity;
    return 0; /* fresh pages are zero: head, tail and dropped already stand at 0 */
}

int pc_ring_open(struct pc_ring *ring, const char *path)
{
    *ring = (struct pc_ring){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for a writer */
    if (fd < 0)
        return -errno;

    struct stat status;
    int error = fstat(fd, &status) < 0 ? -errno : 0;
    if (error == 0 && !S_ISREG(status.st_mode))
        error = -EBADMSG;
    if (error == 0 && status.st_size < (off_t)PC_RING_HEADER_BYTES)
        error = -EBADMSG;
    if (error == 0)
        error = map(ring, fd, (size_t)status.st_size, PROT_READ);
    close(fd);
    if (error != 0)
        return error;

    const struct pc_ring_header *header = ring->header;
    uint64_t capacity = header->capacity;
    uint64_t room = (ring->mapped_bytes - PC_RING_HEADER_BYTES) / sizeof(struct pc_edge);
    bool ours = memcmp(header->magic, PC_RING_MAGIC, sizeof header->magic) == 0 &&
                header->version == PC_RING_VERSION && header->slot_bytes == sizeof(struct pc_edge) &&
                is_power_of_two(capacity) && capacity <= room;
    if (!ours || atomic_load(&header->head) - atomic_load(&header->tail) > capacity) {
        pc_ring_close(ring);
        return -EBADMSG;
    }
    ring->capacity = capacity;
    return 0;
}

void pc_ring_close(struct pc_ring *ring)
{
    if (ring->header != NULL)
        munmap(ring->header, ring->mapped_bytes);
    *ring = (struct pc_ring){0};
}

bool pc_ring_push(struct pc_ring *ring, const struct pc_edge *edge)
{
    struct pc_ring_header *header = ring->header;
    uint64_t head = atomic_load_explicit(&header->head, memory_order_relaxed); /* our own */
    /* acquire: pairs with the release in pc_ring_consume; the consumer is done with the slot we overwrite */
    uint64_t tail = atomic_load_explicit(&header->tail, memory_order_acquire);
    if (head - tail >= ring->capacity) {
        uint64_t dropped = atomic_load_explicit(&header->dropped, memory_order_relaxed); /* our own */
        atomic_store_explicit(&header->dropped, dropped + 1, memory_order_relaxed);
        return false;
    }
    ring->slots[head & (ring->capacity - 1)] = *edge;
    /* release: pairs with the acquire in pc_ring_waiting; whoever sees the new head sees the slot */
    atomic_store_explicit(&header->head, head + 1, memory_order_release);
    return true;
}

uint64_t pc_ring_waiting(const struct pc_ring *ring)
{
    const struct pc_ring_header *header = ring->header;
    uint64_t tail = atomic_load_explicit(&header->tail, memory_order_relaxed); /* our own */
    /* acquire: pairs with the release in pc_ring_push */
    uint64_t head = atomic_load_explicit(&header->head, memory_order_acquire);
    uint64_t waiting = head - tail;
    return waiting < ring->capacity ? waiting : ring->capacity; /* the page is shared: trust it only so far */
}

size_t pc_ring_peek(const struct pc_ring *ring, struct pc_edge *out, size_t max)
{
    uint64_t waiting = pc_ring_waiting(ring);
    uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed); /* our own */
    size_t count = waiting < max ? (size_t)waiting : max;
    size_t start = (size_t)(tail & (ring->capacity - 1));
    size_t until_end = (size_t)ring->capacity - start;
    size_t first = count < until_end ? count : until_end;

    memcpy(out, ring->slots + start, first * sizeof *out);
    memcpy(out + first, ring->slots, (count - first) * sizeof *out);
    return count;
}

int pc_ring_consume(struct pc_ring *ring, uint64_t count)
{
    if (count > pc_ring_waiting(ring))
        return -EINVAL;
    uint64_t tail = atomic_load_explicit(&ring->header->tail, memory_order_relaxed); /* our own */
    /* release: pairs with the acquire in pc_ring_push */
    atomic_store_explicit(&ring->header->tail, tail + count, memory_order_release);
    return 0;
}

uint64_t pc_ring_dropped(const struct pc_ring *ring)
{
    return atomic_load_explicit(&ring->header->dropped, memory_order_relaxed); /* a tally, orders nothing */
}
