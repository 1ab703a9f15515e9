/* inbox: see inbox.h. */
#include "inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNKNOWN UINT32_MAX

/* A folder's time of change may stand still for so long while files are still being made; some file systems have
 * whole seconds only. */
#define COARSE_NS 50000000
#define WHOLE_SECONDS_NS 2100000000

int pc_inbox_init(struct pc_inbox *inbox, const char *path, const char *proc, struct pc_labels *labels,
                  struct pc_reducer_counts *counts)
{
    *inbox = (struct pc_inbox){.labels = labels, .counts = counts};
    if (strlen(path) >= sizeof inbox->path)
        return -ENAMETOOLONG;
    memcpy(inbox->path, path, strlen(path) + 1);
    struct stat status;
    inbox->pid_namespace = stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
    return pc_vitals_init(&inbox->vitals, proc);
}

static void free_thread(struct pc_inbox *inbox, struct pc_inbox_thread *thread)
{
    if (thread->header != NULL)
        munmap(thread->header, thread->mapped_bytes);
    pc_pulse_end(&inbox->vitals, &thread->pulse);
    free(thread);
}

static void free_process(struct pc_inbox *inbox, struct pc_inbox_process *process)
{
    pc_life_end(&inbox->vitals, &process->life);
    free(process->labels);
    free(process);
}

void pc_inbox_free(struct pc_inbox *inbox)
{
    for (size_t i = 0; i < inbox->thread_count; i++)
        free_thread(inbox, inbox->threads[i]);
    for (size_t i = 0; i < inbox->process_count; i++)
        free_process(inbox, inbox->processes[i]);
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

enum found { NO_RING, RING, NOT_NOW };

/* Maps the ring of that number; what is none is counted, and what cannot be had now may be had later. */
static enum found map_ring(struct pc_inbox *inbox, struct pc_inbox_thread *thread, uint64_t process, uint32_t number)
{
    char path[PATH_MAX];
    ring_path(inbox, path, process, thread->thread, number);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
        return NOT_NOW;
    struct stat status;
    struct pc_marks_header *header = MAP_FAILED;
    size_t bytes = 0;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > PC_MARKS_HEADER_BYTES) {
        bytes = (size_t)status.st_size;
        header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (header == MAP_FAILED) {
            close(fd);
            return NOT_NOW;
        }
    }
    if (fd >= 0)
        close(fd);
    if (header == MAP_FAILED) {
        inbox->counts->bad_rings++;
        return NO_RING;
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
        return NO_RING;
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
    return RING;
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
    process->process = name;
    process->life.fd = -1;
    inbox->processes[inbox->process_count++] = process;
    inbox->counts->processes++;
    return process;
}

static void replace(struct pc_inbox_process *process, uint64_t ticks)
{
    if (process->replaced_ticks == 0 || (int64_t)(ticks - process->replaced_ticks) < 0)
        process->replaced_ticks = ticks;
    process->life.over = true;
}

static void know_pid(struct pc_inbox *inbox, struct pc_inbox_process *process, const struct pc_marks_header *header)
{
    if (process->life.pid != 0 || header->pid <= 0 || header->pid_namespace != inbox->pid_namespace)
        return;
    process->opened_ticks = header->opened_ticks;
    for (size_t i = 0; i < inbox->process_count; i++) { /* a folder lists its files in any order */
        struct pc_inbox_process *other = inbox->processes[i];
        if (other->life.pid != header->pid || (other->life.over && other->replaced_ticks == 0))
            continue;
        if ((int64_t)(process->opened_ticks - other->opened_ticks) >= 0)
            replace(other, process->opened_ticks);
        else
            replace(process, other->opened_ticks);
    }
    pc_life_begin(&inbox->vitals, &process->life, header->pid);
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

/* Takes in a thread that was not seen before; false where that must be tried again. */
static bool find_thread(struct pc_inbox *inbox, uint64_t name, uint32_t number, struct pc_folds *folds,
                        int64_t start_ns)
{
    if (pc_seen_has(&inbox->seen, name, number))
        return true;
    if (inbox->thread_count == inbox->thread_room) {
        size_t room = inbox->thread_room == 0 ? 8 : inbox->thread_room * 2;
        struct pc_inbox_thread **grown = realloc(inbox->threads, room * sizeof *grown);
        if (grown == NULL)
            return false;
        inbox->threads = grown;
        inbox->thread_room = room;
    }
    struct pc_inbox_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return false;
    thread->thread = number;
    thread->pulse.fd = -1;
    enum found found = map_ring(inbox, thread, name, 0);
    thread->process = found == RING ? process_of(inbox, name) : NULL;
    if (thread->process == NULL) {
        free_thread(inbox, thread);
        return found == NO_RING && pc_seen_add(&inbox->seen, name, number);
    }
    pc_seen_add(&inbox->seen, name, number);
    know_pid(inbox, thread->process, thread->header);
    thread->pulse.pid = thread->process->life.pid;
    thread->pulse.tid = thread->pulse.pid == 0 ? 0 : thread->header->tid;
    uint64_t index = inbox->counts->threads++;
    pc_fold_init(&thread->fold, folds, index < UINT16_MAX ? (uint16_t)index : UINT16_MAX, start_ns);
    thread->process->threads++;
    inbox->threads[inbox->thread_count++] = thread;
    return true;
}

void pc_inbox_look(struct pc_inbox *inbox, struct pc_folds *folds, int64_t start_ns, bool anyway)
{
    struct stat status;
    if (stat(inbox->path, &status) < 0 ||
        (!anyway && status.st_mtim.tv_sec == inbox->changed.tv_sec && status.st_mtim.tv_nsec == inbox->changed.tv_nsec))
        return;
    DIR *folder = opendir(inbox->path);
    if (folder == NULL)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ago_ns =
        (int64_t)(now.tv_sec - status.st_mtim.tv_sec) * 1000000000 + now.tv_nsec - status.st_mtim.tv_nsec;
    int64_t coarse_ns = status.st_mtim.tv_nsec == 0 ? WHOLE_SECONDS_NS : COARSE_NS;
    bool again = ago_ns <= coarse_ns;
    uint64_t ringless = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        uint64_t name;
        uint32_t thread, number;
        char rest;
        int found = sscanf(entry->d_name, "marks-%16" SCNx64 "-%" SCNu32 "-%" SCNu32 "%c", &name, &thread, &number,
                           &rest);
        if (found == 3 && number == 0)
            again |= !find_thread(inbox, name, thread, folds, start_ns);
        ringless += strncmp(entry->d_name, "lost-", 5) == 0;
    }
    closedir(folder);
    inbox->counts->ringless = ringless;
    inbox->changed = again ? (struct timespec){0} : status.st_mtim;
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
    char path[PATH_MAX], record[sizeof(uint32_t) + PC_LABEL_MOST_BYTES];
    labels_path(inbox, path, process->process);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    while (fd >= 0 && process->label_count < PC_MARK_MOST_LABELS) {
        ssize_t got = pread(fd, record, sizeof record, process->labels_read);
        uint32_t length;
        if (got < (ssize_t)sizeof length)
            break;
        memcpy(&length, record, sizeof length);
        if (length > PC_LABEL_MOST_BYTES || (size_t)got < sizeof length + length ||
            !add_label(inbox, process, record + sizeof length, length))
            break; /* not yet whole, or never */
        process->labels_read += (off_t)(sizeof length + length);
    }
    if (fd >= 0)
        close(fd);
}

uint32_t pc_inbox_label(struct pc_inbox *inbox, struct pc_inbox_process *process, uint32_t number)
{
    if (number >= process->label_count)
        read_labels(inbox, process);
    if (number < process->label_count && number != 0 && process->labels[number] != UNKNOWN)
        return process->labels[number];
    if (number < process->label_count)
        number = 0; /* the process, or the run, has more labels than there are numbers */
    uint64_t *count = number == 0 ? &inbox->counts->other_label : &inbox->counts->unnamed;
    ++*count;
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

enum pc_inbox_next pc_inbox_continue(struct pc_inbox *inbox, struct pc_inbox_thread *thread)
{
    char path[PATH_MAX];
    ring_path(inbox, path, thread->process->process, thread->thread, thread->number);
    switch (map_ring(inbox, thread, thread->process->process, thread->number + 1)) {
    case RING:
        unlink(path);
        return PC_INBOX_GOES_ON;
    case NOT_NOW:
        return PC_INBOX_LATER;
    case NO_RING:
        break;
    }
    return PC_INBOX_ENDS;
}

void pc_inbox_read_cpu(struct pc_inbox *inbox, int64_t now_ns)
{
    for (size_t i = 0; i < inbox->thread_count && inbox->thread_count > 1; i++) {
        struct pc_inbox_thread *thread = inbox->threads[i];
        int32_t share = pc_pulse_read(&inbox->vitals, &thread->pulse, now_ns);
        if (share >= 0 || thread->pulse.tid == 0)
            thread->fold.cpu_q16 = share >= 0 ? (uint32_t)share : PC_PULSE_WHOLE;
    }
    if (inbox->thread_count == 1) {
        inbox->threads[0]->fold.cpu_q16 = PC_PULSE_WHOLE;
        inbox->threads[0]->pulse.at_ns = 0;
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
        free_thread(inbox, thread);
    }
    inbox->thread_count = kept;
    kept = 0;
    for (size_t i = 0; i < inbox->process_count; i++) {
        struct pc_inbox_process *process = inbox->processes[i];
        if (process->threads > 0 || !process->life.over) {
            inbox->processes[kept++] = process;
            continue;
        }
        labels_path(inbox, path, process->process);
        unlink(path);
        free_process(inbox, process);
    }
    inbox->process_count = kept;
}
