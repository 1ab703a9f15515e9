/* inbox: see inbox.h. */
#include "inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNKNOWN UINT32_MAX

/* A folder's time of change may stand still for so long while files are still being made. */
#define COARSE_NS 50000000

int pc_inbox_init(struct pc_inbox *inbox, const char *path, const char *proc, struct pc_labels *labels,
                  struct pc_reducer_counts *counts)
{
    *inbox = (struct pc_inbox){.labels = labels, .counts = counts};
    if (strlen(path) >= sizeof inbox->path || (proc != NULL && strlen(proc) >= sizeof inbox->proc))
        return -ENAMETOOLONG;
    memcpy(inbox->path, path, strlen(path) + 1);
    if (proc != NULL)
        memcpy(inbox->proc, proc, strlen(proc) + 1);
    struct stat status;
    inbox->pid_namespace = stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void free_thread(struct pc_inbox_thread *thread)
{
    if (thread->header != NULL)
        munmap(thread->header, thread->mapped_bytes);
    close_if_open(thread->schedstat_fd);
    free(thread);
}

static void free_process(struct pc_inbox_process *process)
{
    close_if_open(process->pidfd);
    close_if_open(process->labels_fd);
    free(process->labels);
    free(process);
}

void pc_inbox_free(struct pc_inbox *inbox)
{
    for (size_t i = 0; i < inbox->thread_count; i++)
        free_thread(inbox->threads[i]);
    for (size_t i = 0; i < inbox->process_count; i++)
        free_process(inbox->processes[i]);
    free(inbox->threads);
    free(inbox->processes);
    free(inbox->seen.slots);
}

static void ring_path(const struct pc_inbox *inbox, char path[PATH_MAX], uint64_t process, uint32_t thread,
                      uint32_t number)
{
    snprintf(path, PATH_MAX, "%s/marks-%016" PRIx64 "-%" PRIu32 "-%" PRIu32, inbox->path, process, thread, number);
}

static void labels_path(const struct pc_inbox *inbox, char path[PATH_MAX], uint64_t process)
{
    snprintf(path, PATH_MAX, "%s/labels-%016" PRIx64, inbox->path, process);
}

/* Maps the ring of that number; false, and counted, where it is none. */
static bool map_ring(struct pc_inbox *inbox, struct pc_inbox_thread *thread, uint64_t process, uint32_t number)
{
    char path[PATH_MAX];
    ring_path(inbox, path, process, thread->thread, number);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    struct pc_marks_header *header = MAP_FAILED;
    size_t bytes = 0;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > PC_MARKS_HEADER_BYTES) {
        bytes = (size_t)status.st_size;
        header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close_if_open(fd);
    if (header == MAP_FAILED) {
        inbox->counts->bad_rings++;
        return false;
    }
    uint64_t capacity = header->capacity;
    bool ours = memcmp(header->magic, PC_MARKS_MAGIC, sizeof header->magic) == 0 &&
                header->version == PC_MARKS_VERSION && header->ticks_source == (uint32_t)pc_ticks_source() &&
                capacity != 0 && (capacity & (capacity - 1)) == 0 &&
                capacity <= (bytes - PC_MARKS_HEADER_BYTES) / sizeof(uint64_t) && header->process == process &&
                header->thread == thread->thread && header->number == number;
    if (!ours) {
        munmap(header, bytes);
        inbox->counts->bad_rings++;
        return false;
    }
    if (thread->header != NULL)
        munmap(thread->header, thread->mapped_bytes);
    thread->header = header;
    thread->slots = (const _Atomic uint64_t *)(const void *)((const char *)header + PC_MARKS_HEADER_BYTES);
    thread->capacity = capacity;
    thread->mapped_bytes = bytes;
    thread->number = number;
    thread->tail = atomic_load_explicit(&header->tail, memory_order_relaxed); /* our own */
    thread->dropped = 0;
    return true;
}

static struct pc_inbox_process *process_of(struct pc_inbox *inbox, uint64_t name)
{
    for (size_t i = 0; i < inbox->process_count; i++) {
        if (inbox->processes[i]->process == name)
            return inbox->processes[i];
    }
    if (inbox->process_count == inbox->process_room) {
        size_t room = inbox->process_room == 0 ? 8 : inbox->process_room * 2;
        struct pc_inbox_process **grown = realloc(inbox->processes, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        inbox->processes = grown;
        inbox->process_room = room;
    }
    struct pc_inbox_process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return NULL;
    char path[PATH_MAX];
    labels_path(inbox, path, name);
    process->process = name;
    process->pidfd = -1;
    process->labels_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    inbox->processes[inbox->process_count++] = process;
    inbox->counts->processes++;
    return process;
}

static void know_pid(struct pc_inbox *inbox, struct pc_inbox_process *process, const struct pc_marks_header *header)
{
    if (process->pid != 0 || header->pid <= 0 || header->pid_namespace != inbox->pid_namespace)
        return;
    process->pid = header->pid;
#ifdef SYS_pidfd_open
    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
#endif
}

void pc_inbox_ask(struct pc_inbox_process *process)
{
    if (process->pid == 0 || process->dead)
        return;
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    if (process->pidfd >= 0)
        process->dead = poll(&ended, 1, 0) > 0;
    else
        process->dead = kill(process->pid, 0) < 0 && errno == ESRCH;
}

size_t pc_inbox_inside(struct pc_inbox *inbox)
{
    size_t inside = 0;
    for (size_t i = 0; i < inbox->process_count; i++)
        inbox->processes[i]->inside = 0;
    for (size_t i = 0; i < inbox->thread_count; i++) {
        bool is_inside = inbox->threads[i]->fold.depth > 0;
        inbox->threads[i]->process->inside += is_inside;
        inside += is_inside;
    }
    return inside;
}

static void find_thread(struct pc_inbox *inbox, uint64_t name, uint32_t number, struct pc_folds *folds,
                        int64_t start_ns)
{
    if (!pc_seen_add(&inbox->seen, name, number))
        return;
    if (inbox->thread_count == inbox->thread_room) {
        size_t room = inbox->thread_room == 0 ? 8 : inbox->thread_room * 2;
        struct pc_inbox_thread **grown = realloc(inbox->threads, room * sizeof *grown);
        if (grown == NULL)
            return;
        inbox->threads = grown;
        inbox->thread_room = room;
    }
    struct pc_inbox_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return;
    thread->thread = number;
    thread->schedstat_fd = -1;
    thread->process = map_ring(inbox, thread, name, 0) ? process_of(inbox, name) : NULL;
    if (thread->process == NULL) {
        free_thread(thread);
        return;
    }
    know_pid(inbox, thread->process, thread->header);
    thread->tid = thread->process->pid == 0 ? 0 : thread->header->tid;
    uint64_t index = inbox->counts->threads++;
    pc_fold_init(&thread->fold, folds, index < UINT16_MAX ? (uint16_t)index : UINT16_MAX, start_ns);
    thread->process->threads++;
    inbox->threads[inbox->thread_count++] = thread;
}

void pc_inbox_look(struct pc_inbox *inbox, struct pc_folds *folds, int64_t start_ns)
{
    struct stat status;
    if (stat(inbox->path, &status) < 0 ||
        (status.st_mtim.tv_sec == inbox->changed.tv_sec && status.st_mtim.tv_nsec == inbox->changed.tv_nsec))
        return;
    DIR *folder = opendir(inbox->path);
    if (folder == NULL)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ago_ns =
        (int64_t)(now.tv_sec - status.st_mtim.tv_sec) * 1000000000 + now.tv_nsec - status.st_mtim.tv_nsec;
    inbox->changed = ago_ns > COARSE_NS ? status.st_mtim : (struct timespec){0};
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        uint64_t name;
        uint32_t thread, number;
        char rest;
        int found = sscanf(entry->d_name, "marks-%16" SCNx64 "-%" SCNu32 "-%" SCNu32 "%c", &name, &thread, &number,
                           &rest);
        if (found == 3 && number == 0)
            find_thread(inbox, name, thread, folds, start_ns);
    }
    closedir(folder);
}

/* Gives a number of the process its index in the run. */
static bool add_label(struct pc_inbox *inbox, struct pc_inbox_process *process, const char *bytes, size_t length)
{
    if (process->label_count == process->label_room) {
        uint32_t room = process->label_room == 0 ? 16 : process->label_room * 2;
        uint32_t *grown = realloc(process->labels, room * sizeof *grown);
        if (grown == NULL)
            return false;
        process->labels = grown;
        process->label_room = room;
    }
    process->labels[process->label_count++] = pc_labels_find(inbox->labels, bytes, length) - 1;
    return true;
}

static void read_labels(struct pc_inbox *inbox, struct pc_inbox_process *process)
{
    static const char others[] = "(other labels)";
    if (process->label_count == 0)
        add_label(inbox, process, others, sizeof others - 1);
    char record[sizeof(uint32_t) + PC_LABEL_MOST_BYTES];
    while (process->labels_fd >= 0 && process->label_count < PC_MARK_MOST_LABELS) {
        ssize_t got = pread(process->labels_fd, record, sizeof record, process->labels_read);
        uint32_t length;
        if (got < (ssize_t)sizeof length)
            return;
        memcpy(&length, record, sizeof length);
        if (length > PC_LABEL_MOST_BYTES || (size_t)got < sizeof length + length ||
            !add_label(inbox, process, record + sizeof length, length))
            return; /* not yet whole, or never */
        process->labels_read += (off_t)(sizeof length + length);
    }
}

uint32_t pc_inbox_label(struct pc_inbox *inbox, struct pc_inbox_process *process, uint32_t number)
{
    if (number >= process->label_count)
        read_labels(inbox, process);
    if (number < process->label_count) {
        if (number == 0)
            inbox->counts->other_label++;
        if (process->labels[number] != UNKNOWN)
            return process->labels[number];
        number = 0; /* the run has more labels than there are numbers */
    }
    char name[32];
    int length = number == 0 ? snprintf(name, sizeof name, "(other labels)")
                             : snprintf(name, sizeof name, "(label %" PRIu32 ")", number);
    uint32_t index = pc_labels_find(inbox->labels, name, (size_t)length) - 1;
    return index != UNKNOWN ? index : 0; /* the first of a run is that of the others */
}

uint64_t pc_inbox_head(struct pc_inbox *inbox, struct pc_inbox_thread *thread)
{
    /* acquire: pairs with the release in pc_stream_put */
    uint64_t head = atomic_load_explicit(&thread->header->head, memory_order_acquire);
    if (head - thread->tail > thread->capacity) { /* never by our writer */
        inbox->counts->bad_rings++;
        pc_fold_close(&thread->fold);
        thread->ended = thread->bad = true;
        return thread->tail;
    }
    uint64_t dropped = atomic_load_explicit(&thread->header->dropped, memory_order_relaxed); /* a tally */
    if (dropped > thread->dropped) {
        inbox->counts->dropped += dropped - thread->dropped;
        thread->dropped = dropped;
    }
    return head;
}

bool pc_inbox_continue(struct pc_inbox *inbox, struct pc_inbox_thread *thread)
{
    char path[PATH_MAX];
    ring_path(inbox, path, thread->process->process, thread->thread, thread->number);
    if (!map_ring(inbox, thread, thread->process->process, thread->number + 1))
        return false;
    unlink(path);
    return true;
}

static void read_cpu(struct pc_inbox *inbox, struct pc_inbox_thread *thread, int64_t now_ns)
{
    if (thread->tid == 0 || inbox->proc[0] == '\0')
        return;
    if (thread->schedstat_fd < 0) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%" PRId32 "/task/%" PRId32 "/schedstat", inbox->proc, thread->process->pid,
                 thread->tid);
        thread->schedstat_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (thread->schedstat_fd < 0) {
            thread->tid = 0; /* it has ended, or nobody counts here */
            thread->fold.cpu_q16 = 65536;
            return;
        }
    }
    char text[64];
    ssize_t length = pread(thread->schedstat_fd, text, sizeof text - 1, 0);
    if (length <= 0)
        return;
    text[length] = '\0';
    int64_t cpu_ns = (int64_t)strtoull(text, NULL, 10);
    int64_t passed_ns = now_ns - thread->cpu_at_ns;
    if (thread->cpu_at_ns != 0 && passed_ns > 0) {
        int64_t used_ns = cpu_ns - thread->cpu_ns;
        used_ns = used_ns < 0 ? 0 : used_ns > passed_ns ? passed_ns : used_ns;
        thread->fold.cpu_q16 = (uint32_t)((double)used_ns / (double)passed_ns * 65536.0);
    }
    thread->cpu_ns = cpu_ns;
    thread->cpu_at_ns = now_ns;
}

void pc_inbox_read_cpu(struct pc_inbox *inbox, int64_t now_ns)
{
    for (size_t i = 0; i < inbox->thread_count && inbox->thread_count > 1; i++)
        read_cpu(inbox, inbox->threads[i], now_ns);
    if (inbox->thread_count == 1) {
        inbox->threads[0]->fold.cpu_q16 = 65536;
        inbox->threads[0]->cpu_at_ns = 0;
    }
}

void pc_inbox_tidy(struct pc_inbox *inbox)
{
    char path[PATH_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < inbox->thread_count; i++) {
        struct pc_inbox_thread *thread = inbox->threads[i];
        if (!thread->ended) {
            inbox->threads[kept++] = thread;
            continue;
        }
        ring_path(inbox, path, thread->process->process, thread->thread, thread->number);
        if (!thread->bad)
            unlink(path);
        thread->process->threads--;
        free_thread(thread);
    }
    inbox->thread_count = kept;
    kept = 0;
    for (size_t i = 0; i < inbox->process_count; i++) {
        struct pc_inbox_process *process = inbox->processes[i];
        if (process->threads > 0 || !process->dead) {
            inbox->processes[kept++] = process;
            continue;
        }
        labels_path(inbox, path, process->process);
        unlink(path);
        free_process(process);
    }
    inbox->process_count = kept;
}
