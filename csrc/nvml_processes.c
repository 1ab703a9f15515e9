/* nvml_processes: see nvml_processes.h. */
#include "nvml_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROC_PATH_BYTES = 512, STAT_BYTES = 4096 };

/* Drivers take 1/6 s to 1 s. */
static const uint64_t LONGEST_INTERVAL_US = 1000000;
static const uint64_t SHORTEST_INTERVAL_US = 10000;

/* Some drivers fill their list up with entries that were never written. */
static const uint64_t FURTHEST_AHEAD_US = 1000000;

static const uint64_t FORGOTTEN_AFTER_US = 60000000;

/* No tree of processes is so high: what seems so changed while it was climbed. */
static const int MOST_ANCESTORS = 1000;

struct pc_gpu_user {
    pid_t pid;
    uint64_t start_ticks; /* with the pid, who this is */
    uint64_t time_us;     /* of its latest sample */
    bool ours;
};

/* The parent of `pid` and when it began; false where there is no such process. */
static bool read_stat(const char *proc, pid_t pid, pid_t *parent, uint64_t *start_ticks)
{
    char path[PROC_PATH_BYTES], text[STAT_BYTES];
    snprintf(path, sizeof path, "%s/%d/stat", proc, (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length < 0)
        return false;
    text[length] = '\0';
    /* The name, in parentheses, may hold anything, parentheses too: the numbers follow its last one. */
    const char *rest = strrchr(text, ')');
    int number;
    unsigned long long start;
    if (rest == NULL || sscanf(rest + 1,
                               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                               &number, &start) != 2)
        return false;
    *parent = (pid_t)number;
    *start_ticks = start;
    return true;
}

static bool descends(const struct pc_family *family, pid_t pid)
{
    for (int i = 0; i < MOST_ANCESTORS && pid > 0; i++) {
        if (pid == family->follow || (pid == family->adopter && i > 0))
            return true;
        uint64_t ignored;
        if (!read_stat(family->proc, pid, &pid, &ignored))
            return false;
    }
    return false;
}

static bool gone(const struct pc_family *family, const struct pc_gpu_user *user)
{
    pid_t parent;
    uint64_t start_ticks;
    return !read_stat(family->proc, user->pid, &parent, &start_ticks) || start_ticks != user->start_ticks;
}

static struct pc_gpu_user *find(const struct pc_gpu_use *use, pid_t pid)
{
    for (size_t i = 0; i < use->user_count; i++)
        if (use->users[i].pid == pid)
            return &use->users[i];
    return NULL;
}

static struct pc_gpu_user *meet(struct pc_gpu_use *use, pid_t pid)
{
    if (use->user_count == use->user_room) {
        size_t room = use->user_room == 0 ? 16 : 2 * use->user_room;
        struct pc_gpu_user *grown = realloc(use->users, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        use->users = grown;
        use->user_room = room;
    }
    struct pc_gpu_user *user = &use->users[use->user_count++];
    *user = (struct pc_gpu_user){.pid = pid};
    return user;
}

/* Who `pid` is now: of one that is gone, who it was. */
static struct pc_gpu_user *recognise(struct pc_gpu_use *use, const struct pc_family *family, pid_t pid)
{
    struct pc_gpu_user *user = find(use, pid);
    pid_t parent;
    uint64_t start_ticks = 0;
    bool there = read_stat(family->proc, pid, &parent, &start_ticks);
    if (user == NULL)
        user = meet(use, pid);
    else if (there && user->start_ticks != start_ticks) /* pids come round again */
        *user = (struct pc_gpu_user){.pid = pid};
    if (user != NULL && there) {
        user->start_ticks = start_ticks;
        user->ours = user->ours || descends(family, pid);
    }
    return user;
}

static void forget(struct pc_gpu_use *use, const struct pc_family *family)
{
    size_t kept = 0;
    for (size_t i = 0; i < use->user_count; i++)
        if (use->newest_us < use->users[i].time_us + FORGOTTEN_AFTER_US || !gone(family, &use->users[i]))
            use->users[kept++] = use->users[i];
    use->user_count = kept;
}

void pc_gpu_use_start(struct pc_gpu_use *use, uint64_t wall_us)
{
    use->all_percent_us = use->tree_percent_us = 0;
    use->newest_us = use->asked_us = wall_us;
    use->interval_us = LONGEST_INTERVAL_US;
    use->user_count = 0;
}

void pc_gpu_use_free(struct pc_gpu_use *use)
{
    free(use->users);
    *use = (struct pc_gpu_use){0};
}

uint64_t pc_gpu_use_since_us(struct pc_gpu_use *use, uint64_t wall_us)
{
    if (use->newest_us > wall_us || use->asked_us > wall_us) { /* the clock was set back */
        use->newest_us = use->asked_us = wall_us;
        for (size_t i = 0; i < use->user_count; i++)
            use->users[i].time_us = wall_us;
    }
    /* What was not there when it was last asked was idle until an interval before that. */
    uint64_t idle_us = use->asked_us > use->interval_us ? use->asked_us - use->interval_us : 0;
    return use->newest_us > idle_us ? use->newest_us : idle_us;
}

int pc_gpu_use_add(struct pc_gpu_use *use, const struct pc_family *family, uint64_t since_us, uint64_t wall_us,
                   const struct pc_nvml_process *samples, size_t count)
{
    if (family->follow != use->follow) {
        use->follow = family->follow;
        use->user_count = 0;
    }
    use->asked_us = wall_us;
    for (size_t i = 0; i < count; i++) {
        const struct pc_nvml_process *sample = &samples[i];
        if (sample->time_us <= since_us || sample->time_us > wall_us + FURTHEST_AHEAD_US)
            continue;
        struct pc_gpu_user *user = recognise(use, family, (pid_t)sample->pid);
        if (user == NULL)
            return -ENOMEM;
        if (sample->time_us <= user->time_us)
            continue;

        uint64_t since_last_us = sample->time_us - user->time_us;
        if (since_last_us < use->interval_us && since_last_us >= SHORTEST_INTERVAL_US)
            use->interval_us = since_last_us;
        uint64_t began_us = user->time_us > since_us ? user->time_us : since_us;
        uint64_t percent = sample->processors_percent < 100 ? sample->processors_percent : 100;
        uint64_t busy_percent_us = percent * (sample->time_us - began_us);
        use->all_percent_us += busy_percent_us;
        if (user->ours)
            use->tree_percent_us += busy_percent_us;
        user->time_us = sample->time_us;
        if (sample->time_us > use->newest_us)
            use->newest_us = sample->time_us;
    }
    forget(use, family);
    return 0;
}
