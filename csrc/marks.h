/*
 * marks: what a program says about itself, thread by thread, each into a ring of its own.
 *
 *   region entered --word--> [ . . w w w w . . ] --peek--> reducer, in the process that records
 *                               ^tail    ^head
 *
 * One producer (the thread), one consumer (the reducer).  Neither ever waits for the other.
 *
 * Two counters that never wrap by hand: think of odometers.
 * - head: words ever written.  Only the producer stores it.
 * - tail: words ever consumed. Only the consumer stores it.
 *
 * Invariant:  0 <= head - tail <= capacity.
 *
 * A ring that is found full is closed (PC_MARKS_CONTINUED) and the thread goes on in a larger one; a full one of the
 * largest size drops the mark and counts it.  The reducer removes a ring's file once it has read it to its end.
 *
 * In a home, a folder that is new for each run (names are hexadecimal and decimal numbers):
 *   labels-PROCESS                  the process's labels: roster.h
 *   marks-PROCESS-THREAD-NUMBER     one ring; the first page is a pc_marks_header, the words follow
 *   lost-PROCESS-THREAD             empty: the thread marks, and no ring could be made for it so far
 * A ring appears under that name when it is whole.  A label is in its file before the first mark that names it is in
 * a ring.  In the folder above lies PC_MARKS_RUN_FILE, which the recorder holds a lock on (flock) for as long as it
 * lives; where nobody does no more rings are made.
 *
 * Hazard: after a fork the child shares its parent's rings.  It leaves them alone and opens its own at its first
 * mark, under a PROCESS of its own.
 */
#ifndef PYCARBON_MARKS_H
#define PYCARBON_MARKS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A word: bits 0 to 47 the lowest of the ticks (ticks.h), 48 and 49 the kind, 50 to 63 the label's number.
 * Number 0 is the label of all those that there were too many of.
 */
#define PC_MARK_TICKS_BITS 48
#define PC_MARK_LABEL_BITS 14
#define PC_MARK_MOST_LABELS 16384

enum pc_mark_kind {
    PC_MARK_ENTER = 0,
    PC_MARK_LEAVE = 1,
    PC_MARK_RESUME = 2, /* enter, but the same call as before: a generator that goes on */
    PC_MARK_TICK = 3,   /* leave what the latest tick of this label began, if it is the innermost; then enter */
};

static inline uint64_t pc_mark_word(uint64_t ticks, enum pc_mark_kind kind, uint32_t label)
{
    return (ticks & ((UINT64_C(1) << PC_MARK_TICKS_BITS) - 1)) | (uint64_t)kind << PC_MARK_TICKS_BITS |
           (uint64_t)label << (PC_MARK_TICKS_BITS + 2);
}

enum pc_marks_state {
    PC_MARKS_OPEN = 0,
    PC_MARKS_CONTINUED = 1, /* the same thread goes on in the ring of the next NUMBER, which is there already */
    PC_MARKS_ENDED = 2,     /* the thread ended, or left the home, at closed_ticks */
};

#define PC_MARKS_MAGIC "pcmark\r\n"
#define PC_MARKS_VERSION 1u
#define PC_MARKS_HEADER_BYTES 4096u

struct pc_marks_header {
    char magic[8]; /* PC_MARKS_MAGIC */
    uint32_t version;
    uint32_t ticks_source;  /* enum pc_ticks_source */
    uint64_t capacity;      /* words; a power of two */
    uint64_t process;       /* PROCESS of the file's name, a random number */
    uint64_t pid_namespace; /* inode of /proc/self/ns/pid: pid and tid mean something to those who share it */
    int32_t pid, tid;
    uint32_t thread; /* THREAD of the file's name, counted from 0 within the process */
    uint32_t number; /* NUMBER of the file's name, counted from 0 within the thread */
    uint64_t opened_ticks;
    _Alignas(64) _Atomic uint64_t head; /* writer: the thread, as of all below but tail */
    _Atomic uint64_t dropped;
    uint64_t closed_ticks;
    _Atomic uint32_t state;             /* enum pc_marks_state; stored with release after the last word */
    _Alignas(64) _Atomic uint64_t tail; /* writer: the reducer */
};

/* A label's bytes beyond this are cut, and end with a number that keeps different ones apart. */
#define PC_LABEL_MOST_BYTES 1024

/*
 * The number of the label with this name, the same each time; 0 when there are PC_MARK_MOST_LABELS already.  Any
 * thread.  Never fails: without memory it is 0.
 */
uint32_t pc_marks_label(const char *name, size_t length);

/*
 * From now on the process's marks also go to the home at `path`.  A number for pc_marks_detach, the same if it is
 * attached already, or -errno: -EMFILE with PC_MARKS_MOST_HOMES, -ENAMETOOLONG, the error of opening the folder.
 * Any thread.
 */
int pc_marks_attach(const char *path);
#define PC_MARKS_MOST_HOMES 4

/* Attaches the homes that the environment variable PC_MARKS_VARIABLE names, once; what is no folder is left out. */
void pc_marks_attach_inherited(void);
#define PC_MARKS_VARIABLE "PYCARBON_LIVE"
#define PC_MARKS_RUN_FILE "run.pcr"
#define PC_MARKS_SEPARATOR '\n' /* a path may hold any other */

/* Undoes one pc_marks_attach.  A thread ends its rings at its next mark, or when it ends itself. */
void pc_marks_detach(int home);

/* How many homes are attached: with none a mark is nothing.  Writers: attach and detach, under their mutex. */
extern _Atomic uint32_t pc_marks_attached;

/* Any thread, but no handler of signals; never fails, never waits for anybody. */
void pc_marks_put(enum pc_mark_kind kind, uint32_t label);

#endif
