/* source_msr: energy counters in model-specific registers, through the kernel's device files; see source.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

struct msr_register {
    uint32_t number;
    int fd;    /* of the path that was read last; -1: none could be */
    int error; /* of the first path, while there is no fd */
    size_t path_count;
    char **paths;
};

struct msr {
    struct pc_source source; /* first, so that a pc_source is one of these */
    struct msr_register registers[];
};

/* The offset in a device file is the register's number; its position does not move with what is read. */
static int read_register(int fd, uint32_t number, uint64_t *value)
{
    uint64_t answer;
    ssize_t length = pread(fd, &answer, sizeof answer, (off_t)number);
    if (length < 0)
        return -errno;
    if (length != (ssize_t)sizeof answer)
        return length == 0 ? -ENODATA : -EBADMSG;
    *value = answer;
    return 0;
}

/* Reads, and leaves the file open as `*fd` when it could be read. */
static int open_and_read(const char *path, uint32_t number, int *fd, uint64_t *value)
{
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return -errno;
    int error = read_register(opened, number, value);
    if (error != 0)
        close(opened);
    else
        *fd = opened;
    return error;
}

int pc_msr_read(const char *path, uint32_t number, uint64_t *value)
{
    int fd;
    int error = open_and_read(path, number, &fd, value);
    if (error == 0)
        close(fd);
    return error;
}

/* Reads from the first path that can be read, and stays with it. */
static int find_and_read(struct msr_register *wanted, uint64_t *value)
{
    wanted->error = -EINVAL; /* of a register without a path */
    for (size_t i = 0; i < wanted->path_count; i++) {
        int error = open_and_read(wanted->paths[i], wanted->number, &wanted->fd, value);
        if (error == 0)
            return 0;
        if (i == 0)
            wanted->error = error;
    }
    return wanted->error;
}

static int msr_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct msr_register *wanted = &((struct msr *)source)->registers[index];
    if (wanted->fd < 0)
        return wanted->error;

    uint64_t value;
    int error = read_register(wanted->fd, wanted->number, &value);
    if (error != 0) {
        close(wanted->fd);
        wanted->fd = -1;
        error = find_and_read(wanted, &value);
    }
    if (error == 0)
        *raw = (uint32_t)value; /* the upper half is reserved */
    return error;
}

static void msr_renew(struct pc_source *source, size_t index)
{
    struct msr_register *wanted = &((struct msr *)source)->registers[index];
    uint64_t ignored;
    if (wanted->fd < 0)
        (void)find_and_read(wanted, &ignored);
}

static void msr_close(struct pc_source *source)
{
    struct msr *msr = (struct msr *)source;
    for (size_t i = 0; i < source->count; i++) {
        struct msr_register *each = &msr->registers[i];
        if (each->fd >= 0)
            close(each->fd);
        for (size_t path = 0; path < each->path_count; path++)
            free(each->paths[path]);
        free(each->paths);
    }
    free(msr);
}

static int copy_paths(struct msr_register *copy, const struct pc_msr_register *given)
{
    copy->paths = calloc(given->path_count, sizeof *copy->paths);
    if (copy->paths == NULL && given->path_count > 0)
        return -ENOMEM;
    for (size_t i = 0; i < given->path_count; i++) {
        copy->paths[i] = strdup(given->paths[i]);
        if (copy->paths[i] == NULL)
            return -ENOMEM;
        copy->path_count++;
    }
    return 0;
}

int pc_source_msr_open(struct pc_source **out, const struct pc_msr_register *registers, size_t count)
{
    struct msr *msr = calloc(1, sizeof *msr + count * sizeof msr->registers[0]);
    if (msr == NULL)
        return -ENOMEM;
    msr->source = (struct pc_source){.read = msr_read, .renew = msr_renew, .close = msr_close};

    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        uint64_t value;
        msr->registers[i] = (struct msr_register){.number = registers[i].number, .fd = -1};
        error = copy_paths(&msr->registers[i], &registers[i]);
        if (error == 0)
            error = find_and_read(&msr->registers[i], &value);
        msr->source.count++; /* so that close frees this one too */
    }
    if (error != 0) {
        msr_close(&msr->source);
        return error;
    }
    *out = &msr->source;
    return 0;
}
