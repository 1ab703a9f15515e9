/* roster: see roster.h. */
#include "roster.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_all(int fd, const void *bytes, size_t count)
{
    const char *rest = bytes;
    while (count > 0) {
        ssize_t written = write(fd, rest, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        rest += written;
        count -= (size_t)written;
    }
    return true;
}

void pc_roster_write(struct pc_roster *roster, const char *path, const struct pc_labels *labels)
{
    if (roster->written + 1 >= pc_labels_count(labels))
        return;
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/labels-%016" PRIx64, path, roster->process);
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    while (roster->written + 1 < pc_labels_count(labels)) {
        const struct pc_label *label = pc_labels_at(labels, roster->written + 1);
        char record[sizeof(uint32_t) + PC_LABEL_MOST_BYTES];
        uint32_t length = label->length;
        memcpy(record, &length, sizeof length);
        memcpy(record + sizeof length, label->bytes, length);
        if (!write_all(fd, record, sizeof length + length)) {
            if (ftruncate(fd, roster->bytes) < 0)
                roster->written = UINT32_MAX - 1; /* a torn record stays: whatever followed it would be misread */
            break;
        }
        roster->written++;
        roster->bytes += (off_t)(sizeof length + length);
    }
    close(fd);
}
