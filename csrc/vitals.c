/* vitals: see vitals.h. */
#include "vitals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_HELD 256
#define PART_OF_LIMIT 4

int pc_vitals_init(struct pc_vitals *vitals, const char *proc)
{
    *vitals = (struct pc_vitals){.most = MOST_HELD};
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / PART_OF_LIMIT < MOST_HELD)
        vitals->most = (uint32_t)(limit.rlim_cur / PART_OF_LIMIT);
    if (proc == NULL)
        return 0;
    if (strlen(proc) >= sizeof vitals->proc)
        return -ENAMETOOLONG;
    memcpy(vitals->proc, proc, strlen(proc) + 1);
    return 0;
}

static void let_go(struct pc_vitals *vitals, int *fd)
{
    if (*fd < 0)
        return;
    close(*fd);
    *fd = -1;
    vitals->held--;
}

void pc_life_begin(struct pc_vitals *vitals, struct pc_life *life, int32_t pid)
{
    life->pid = pid;
    life->fd = -1;
#ifdef SYS_pidfd_open
    if (vitals->held < vitals->most)
        life->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (life->fd >= 0)
        vitals->held++;
#endif
}

void pc_life_ask(struct pc_life *life)
{
    if (life->pid == 0 || life->over)
        return;
    struct pollfd ended = {.fd = life->fd, .events = POLLIN};
    life->over = life->fd >= 0 ? poll(&ended, 1, 0) > 0 : kill(life->pid, 0) < 0 && errno == ESRCH;
}

void pc_life_end(struct pc_vitals *vitals, struct pc_life *life)
{
    let_go(vitals, &life->fd);
}

/* Reads the thread's file; false where that cannot be. */
static bool read_file(struct pc_vitals *vitals, struct pc_pulse *pulse, char *text, size_t room)
{
    bool held = pulse->fd >= 0;
    if (!held) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%" PRId32 "/task/%" PRId32 "/schedstat", vitals->proc, pulse->pid, pulse->tid);
        pulse->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (pulse->fd < 0) {
            if (errno != EMFILE && errno != ENFILE)
                pulse->tid = 0; /* it has ended, or nobody counts here */
            return false;
        }
        vitals->held++;
    }
    ssize_t length = pread(pulse->fd, text, room - 1, 0);
    if (!held && vitals->held > vitals->most)
        let_go(vitals, &pulse->fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

int32_t pc_pulse_read(struct pc_vitals *vitals, struct pc_pulse *pulse, int64_t now_ns)
{
    char text[64];
    if (pulse->tid == 0 || vitals->proc[0] == '\0' || !read_file(vitals, pulse, text, sizeof text))
        return -1;
    int64_t cpu_ns = (int64_t)strtoull(text, NULL, 10), used_ns = cpu_ns - pulse->cpu_ns;
    int64_t passed_ns = now_ns - pulse->at_ns;
    bool first = pulse->at_ns == 0 || passed_ns <= 0;
    pulse->cpu_ns = cpu_ns;
    pulse->at_ns = now_ns;
    if (first)
        return -1;
    used_ns = used_ns < 0 ? 0 : used_ns > passed_ns ? passed_ns : used_ns;
    return (int32_t)((double)used_ns / (double)passed_ns * PC_PULSE_WHOLE);
}

void pc_pulse_end(struct pc_vitals *vitals, struct pc_pulse *pulse)
{
    let_go(vitals, &pulse->fd);
}
