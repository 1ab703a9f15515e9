/*
 * source_proc: CPU time of the machine and of a tree of processes, from /proc; see source.h.
 *
 * The tree is walked down from the processes known so far through /proc/PID/task/TID/children, so the cost grows
 * with the tree and not with the machine.  A child that lost its parent stays known by its own pid.
 *
 * The tree's time is each live process's own and waited-for time, plus what is owed.  A child that vanishes takes
 * its time out of that sum, and what was last seen of it is owed by the nearest living ancestor: as that one's
 * waited-for time grows, the debt is repaid.  What is not repaid by the next reading never will be (SIGCHLD is
 * ignored, or a stranger waited) and goes to `retired`: CPU time once used stays used, and counts once.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "source.h"

enum { PROC_PATH_BYTES = 512, TEXT_BYTES = 4096 };

/* Of a process that was found but not yet read. */
#define UNKNOWN_START UINT64_MAX

struct member {
    pid_t pid;
    pid_t parent;         /* the member whose child it was found to be; 0 for the root of the tree */
    uint64_t start_ticks; /* with the pid, who this is: pids come round again */
    uint64_t own_ticks;   /* as last read, like the next */
    uint64_t waited_ticks;
    uint64_t repaid_ticks; /* how much waited_ticks grew at the latest reading */
    uint64_t owed_ticks;   /* of children that vanished by the reading before, not found in waited_ticks then */
    uint64_t newly_owed_ticks; /* of those that vanished by this reading */
    bool gone;
};

struct proc {
    struct pc_source source; /* first, so that a pc_source is one of these */
    int root_fd;
    int stat_fd;
    pid_t adopter;        /* set before the first reading */
    _Atomic pid_t follow; /* writer: any thread, through pc_source_proc_follow */
    pid_t followed;       /* the rest is the reading thread's */
    bool found_followed;  /* it was there once */
    struct member *members;
    size_t member_count;
    size_t member_room;
    uint64_t retired_ticks;
    uint64_t tree_ticks;
};

static ssize_t read_text(int fd, char *text)
{
    ssize_t length = pread(fd, text, TEXT_BYTES - 1, 0);
    if (length < 0)
        return -errno;
    text[length] = '\0';
    return length;
}

static ssize_t read_file(const struct proc *proc, const char *path, char *text)
{
    int fd = openat(proc->root_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read_text(fd, text);
    close(fd);
    return length;
}

static int read_machine(const struct proc *proc, uint64_t *ticks)
{
    char text[TEXT_BYTES];
    unsigned long long user, nice, system, idle, iowait, irq, softirq;
    ssize_t length = read_text(proc->stat_fd, text);
    if (length < 0)
        return (int)length;
    if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
               &softirq) != 7)
        return -EBADMSG;
    *ticks = user + nice + system + irq + softirq; /* guest time is inside user */
    return 0;
}

/* What /proc says of `member->pid` now.  Another process of that pid, or none: it is gone. */
static void read_member(const struct proc *proc, struct member *member)
{
    char path[PROC_PATH_BYTES], text[TEXT_BYTES];
    unsigned long long own_user, own_system, start;
    long long waited_user, waited_system;

    member->gone = true;
    snprintf(path, sizeof path, "%d/stat", (int)member->pid);
    if (read_file(proc, path, text) < 0)
        return;
    /* The name, in parentheses, may hold anything, parentheses too: the numbers follow its last one. */
    const char *rest = strrchr(text, ')');
    if (rest == NULL ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d %llu",
               &own_user, &own_system, &waited_user, &waited_system, &start) != 5)
        return;
    if (member->start_ticks != UNKNOWN_START && member->start_ticks != start)
        return;

    uint64_t waited_ticks = (uint64_t)waited_user + (uint64_t)waited_system;
    bool grew = member->start_ticks != UNKNOWN_START && waited_ticks > member->waited_ticks;
    member->repaid_ticks = grew ? waited_ticks - member->waited_ticks : 0;
    member->waited_ticks = waited_ticks;
    member->own_ticks = own_user + own_system;
    member->start_ticks = start;
    member->gone = false;
}

static struct member *find(const struct proc *proc, pid_t pid)
{
    for (size_t i = 0; i < proc->member_count; i++)
        if (proc->members[i].pid == pid)
            return &proc->members[i];
    return NULL;
}

static void add_member(struct proc *proc, pid_t pid, pid_t parent)
{
    struct member *known = find(proc, pid);
    if (known != NULL) {
        known->parent = parent; /* of an orphan that another member adopted: the new one */
        return;
    }
    if (proc->member_count == proc->member_room) {
        size_t room = proc->member_room == 0 ? 16 : 2 * proc->member_room;
        struct member *grown = realloc(proc->members, room * sizeof *grown);
        if (grown == NULL)
            return; /* it is found again at the next reading */
        proc->members = grown;
        proc->member_room = room;
    }
    proc->members[proc->member_count++] =
        (struct member){.pid = pid, .parent = parent, .start_ticks = UNKNOWN_START};
}

static void add_children_of_thread(struct proc *proc, pid_t parent, const char *path)
{
    char text[TEXT_BYTES];
    int fd = openat(proc->root_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* The list may be longer than one read: a number cut at the end is read again with the next part. */
    off_t offset = 0;
    for (;;) {
        ssize_t length = pread(fd, text, sizeof text - 1, offset);
        if (length <= 0)
            break;
        text[length] = '\0';
        char *end_of_last = strrchr(text, ' ');
        if (end_of_last == NULL)
            break;
        *end_of_last = '\0';
        offset += end_of_last - text + 1;
        for (char *at = text, *end; *at != '\0'; at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at)
                break;
            add_member(proc, (pid_t)pid, parent);
        }
    }
    close(fd);
}

static void add_children(struct proc *proc, pid_t pid)
{
    char path[PROC_PATH_BYTES];
    snprintf(path, sizeof path, "%d/task", (int)pid);
    int fd = openat(proc->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
    if (tasks == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%d/task/%s/children", (int)pid, task->d_name);
        add_children_of_thread(proc, pid, path);
    }
    closedir(tasks);
}

static void follow_anew(struct proc *proc, pid_t pid)
{
    proc->followed = pid;
    proc->member_count = 0;
    proc->retired_ticks = proc->tree_ticks; /* the counter never falls, whoever it follows */
    proc->found_followed = false;
}

/* Makes the nearest living ancestor owe the time of one that vanished. */
static void pass_on(struct proc *proc, const struct member *vanished)
{
    uint64_t ticks = vanished->own_ticks + vanished->waited_ticks + vanished->owed_ticks;
    const struct member *child = vanished;
    for (size_t steps = 0; steps < proc->member_count; steps++) {
        struct member *parent = child->parent == 0 ? NULL : find(proc, child->parent);
        if (parent == NULL)
            break;
        if (!parent->gone) {
            parent->newly_owed_ticks += ticks;
            return;
        }
        child = parent;
    }
    proc->retired_ticks += ticks;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Old debts are repaid first; what is left of them is retired, what is left of the new ones waits once more. */
static void settle(struct proc *proc, struct member *member)
{
    uint64_t repaid = smaller(member->repaid_ticks, member->owed_ticks);
    proc->retired_ticks += member->owed_ticks - repaid;
    member->owed_ticks =
        member->newly_owed_ticks - smaller(member->repaid_ticks - repaid, member->newly_owed_ticks);
    member->newly_owed_ticks = 0;
}

static uint64_t read_tree(struct proc *proc)
{
    pid_t follow = atomic_load_explicit(&proc->follow, memory_order_relaxed); /* a number, orders nothing */
    if (follow != proc->followed)
        follow_anew(proc, follow);
    if (follow > 0 && !proc->found_followed) /* not there yet, or not readable just then */
        add_member(proc, follow, 0);
    if (proc->adopter != 0)
        add_children(proc, proc->adopter);

    for (size_t i = 0; i < proc->member_count; i++) { /* grows while we walk: children of children */
        read_member(proc, &proc->members[i]);
        if (proc->members[i].gone)
            continue;
        proc->found_followed |= proc->members[i].pid == follow;
        add_children(proc, proc->members[i].pid);
    }
    for (size_t i = 0; i < proc->member_count; i++)
        if (proc->members[i].gone)
            pass_on(proc, &proc->members[i]);

    uint64_t ticks = 0;
    size_t kept = 0;
    for (size_t i = 0; i < proc->member_count; i++) {
        struct member member = proc->members[i];
        if (member.gone)
            continue;
        settle(proc, &member);
        ticks += member.own_ticks + member.waited_ticks + member.owed_ticks;
        proc->members[kept++] = member;
    }
    proc->member_count = kept;

    /* A child read just before its parent waited for it counts twice for this once: never count back. */
    if (ticks + proc->retired_ticks > proc->tree_ticks)
        proc->tree_ticks = ticks + proc->retired_ticks;
    return proc->tree_ticks;
}

static int proc_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct proc *proc = (struct proc *)source;
    if (index == PC_PROC_MACHINE)
        return read_machine(proc, raw);
    *raw = read_tree(proc);
    return 0;
}

static void proc_close(struct pc_source *source)
{
    struct proc *proc = (struct proc *)source;
    if (proc->stat_fd >= 0)
        close(proc->stat_fd);
    if (proc->root_fd >= 0)
        close(proc->root_fd);
    free(proc->members);
    free(proc);
}

int pc_source_proc_open(struct pc_source **out, const char *root)
{
    struct proc *proc = calloc(1, sizeof *proc);
    if (proc == NULL)
        return -ENOMEM;
    proc->source = (struct pc_source){.read = proc_read, .close = proc_close, .count = 2};
    proc->stat_fd = -1;
    proc->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc->root_fd >= 0)
        proc->stat_fd = openat(proc->root_fd, "stat", O_RDONLY | O_CLOEXEC);
    if (proc->stat_fd < 0) {
        int error = -errno;
        proc_close(&proc->source);
        return error;
    }
    *out = &proc->source;
    return 0;
}

void pc_source_proc_follow(struct pc_source *source, pid_t pid)
{
    struct proc *proc = (struct proc *)source;
    atomic_store_explicit(&proc->follow, pid, memory_order_relaxed); /* a number, orders nothing */
}

int pc_source_proc_adopt(struct pc_source *source)
{
    struct proc *proc = (struct proc *)source;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) < 0)
        return -errno;
    proc->adopter = getpid();
    return 0;
}
