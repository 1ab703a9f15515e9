/*
 * inbox: the files in the home of a live run: which processes and threads mark there, and their rings.
 *
 * Files are shared with programs that may do anything to them.  What is no ring, or contradicts itself, is counted and
 * left alone; a bound is kept in memory of our own, never in a page.
 */
#ifndef PYCARBON_INBOX_H
#define PYCARBON_INBOX_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "fold.h"
#include "labels.h"
#include "seen.h"
#include "ticks.h"
#include "vitals.h"

/* A process that marks. */
struct pc_inbox_process {
    uint64_t process; /* PROCESS of its files' names */
    struct pc_life life;
    uint64_t opened_ticks;   /* of the ring that told its pid */
    uint64_t replaced_ticks; /* when another program began in the same process (exec), with regions of its own */
    uint32_t threads, inside; /* that have not ended; of those, how many are within a region */
    off_t labels_read;
    uint32_t *labels; /* its numbers to indices of the run's labels */
    uint32_t label_count, label_room;
};

struct pc_inbox_thread {
    struct pc_inbox_process *process;
    struct pc_marks_header *header;
    const _Atomic uint64_t *slots;
    uint64_t capacity, tail;
    uint64_t dropped; /* counted so far of this ring */
    size_t mapped_bytes;
    uint32_t thread, number;
    bool ended; /* nothing more comes */
    bool bad;   /* its ring contradicted itself */
    uint64_t marks; /* folded in the latest pass */
    struct pc_pulse pulse;
    struct pc_fold fold;
};

struct pc_inbox {
    char path[PATH_MAX - 64];
    struct timespec changed; /* the folder, when it was last looked through; 0: look again */
    struct pc_vitals vitals;
    uint64_t pid_namespace;
    struct pc_labels *labels; /* the run's; index + 1 is the number there */
    struct pc_reducer_counts *counts;
    struct pc_inbox_process **processes;
    struct pc_inbox_thread **threads;
    size_t process_count, process_room, thread_count, thread_room;
    struct pc_seen seen; /* threads that were found, whether their ring was good or not */
};

/* 0, or -ENAMETOOLONG.  `labels` and `counts` stay the caller's. */
int pc_inbox_init(struct pc_inbox *inbox, const char *path, const char *proc, struct pc_labels *labels,
                  struct pc_reducer_counts *counts);
void pc_inbox_free(struct pc_inbox *inbox);

/* Looks for threads that are new, where the folder says that it changed, or `anyway`; each is given a fold that begins
 * at `start_ns`. */
void pc_inbox_look(struct pc_inbox *inbox, struct pc_folds *folds, int64_t start_ns, bool anyway);

/* The index in the run's labels of a label's number in a process. */
uint32_t pc_inbox_label(struct pc_inbox *inbox, struct pc_inbox_process *process, uint32_t number);

/*
 * When a word was written: it has the lowest bits of its ticks.  Words lie ahead of the line by a pass or so, and
 * behind it for as long as the machine slept: what is not within a quarter of an hour ahead is of before.
 */
#define PC_INBOX_AHEAD_TICKS (INT64_C(1) << 41)
static inline int64_t pc_inbox_word_ns(const struct pc_ticks_line *line, uint64_t word)
{
    uint64_t ahead = (word - line->to_ticks) & ((UINT64_C(1) << PC_MARK_TICKS_BITS) - 1);
    int64_t apart = (int64_t)ahead;
    return pc_ticks_line_ns(line, apart < PC_INBOX_AHEAD_TICKS ? apart : apart - (INT64_C(1) << PC_MARK_TICKS_BITS));
}

/* The head of the thread's ring, as far as it can be believed. */
uint64_t pc_inbox_head(struct pc_inbox *inbox, struct pc_inbox_thread *thread);

enum pc_inbox_next {
    PC_INBOX_ENDS,
    PC_INBOX_GOES_ON,
    PC_INBOX_LATER, /* there is no descriptor, or memory, for it now */
};

/* The thread has read its ring to the end, and the ring is closed: goes on in the next. */
enum pc_inbox_next pc_inbox_continue(struct pc_inbox *inbox, struct pc_inbox_thread *thread);

/* Counts, for each process and for all together, the threads that are within a region. */
size_t pc_inbox_inside(struct pc_inbox *inbox);

/* Reads what CPU time the threads have had; called every few ms.  One that is alone is taken to have a CPU. */
void pc_inbox_read_cpu(struct pc_inbox *inbox, int64_t now_ns);

/* Removes threads that ended, and processes without any, with their files. */
void pc_inbox_tidy(struct pc_inbox *inbox);

#endif
