/* source_powercap: energy counters of the kernel's powercap class, files kept open; see source.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

struct zone {
    int fd;
    char *path;
};

struct powercap {
    struct pc_source source; /* first, so that a pc_source is one of these */
    struct zone zones[];
};

static int parse(const char *text, size_t length, uint64_t *value)
{
    size_t i = 0;
    while (i < length && text[i] == ' ')
        i++;
    size_t start = i;
    uint64_t number = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        number = number * 10 + digit;
    }
    if (i == start)
        return length == 0 ? -ENODATA : -EBADMSG;
    if (i < length && text[i] != '\n')
        return -EBADMSG;
    *value = number;
    return 0;
}

static int read_number(int fd, uint64_t *value)
{
    char text[32];
    ssize_t length = pread(fd, text, sizeof text, 0);
    if (length < 0)
        return -errno;
    int error = parse(text, (size_t)length, value);
    if (error == 0 && length == (ssize_t)sizeof text)
        return -EBADMSG; /* 20 digits and a newline fit: this was cut */
    return error;
}

static int reopen(struct zone *zone)
{
    int fd = open(zone->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (zone->fd >= 0)
        close(zone->fd);
    zone->fd = fd;
    return 0;
}

/* A removed file on a file system other than sysfs goes on answering with its last words. */
static bool still_there(const struct zone *zone)
{
    struct stat status;
    return fstat(zone->fd, &status) == 0 && status.st_nlink > 0;
}

static int powercap_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    const struct zone *zone = &((struct powercap *)source)->zones[index];
    return zone->fd < 0 ? -ENODEV : read_number(zone->fd, raw);
}

static void powercap_renew(struct pc_source *source, size_t index)
{
    struct zone *zone = &((struct powercap *)source)->zones[index];
    uint64_t ignored;
    bool good = zone->fd >= 0 && read_number(zone->fd, &ignored) == 0 && still_there(zone);
    if (good || reopen(zone) == 0 || zone->fd < 0)
        return;
    close(zone->fd);
    zone->fd = -1;
}

static void powercap_close(struct pc_source *source)
{
    struct powercap *powercap = (struct powercap *)source;
    for (size_t i = 0; i < source->count; i++) {
        if (powercap->zones[i].fd >= 0)
            close(powercap->zones[i].fd);
        free(powercap->zones[i].path);
    }
    free(powercap);
}

int pc_source_powercap_open(struct pc_source **out, const char *const *paths, size_t count)
{
    struct powercap *powercap = calloc(1, sizeof *powercap + count * sizeof powercap->zones[0]);
    if (powercap == NULL)
        return -ENOMEM;
    powercap->source = (struct pc_source){.read = powercap_read, .renew = powercap_renew, .close = powercap_close};

    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        struct zone *zone = &powercap->zones[i];
        zone->fd = -1;
        zone->path = strdup(paths[i]);
        error = zone->path == NULL ? -ENOMEM : reopen(zone);
        powercap->source.count++; /* so that close frees this one too */
    }
    if (error != 0) {
        powercap_close(&powercap->source);
        return error;
    }
    *out = &powercap->source;
    return 0;
}
