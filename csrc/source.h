/*
 * source: a way to read the counters of some domains.
 *
 * A source is made by one of the open functions below, read by one thread (its sampler's) and closed by whoever
 * opened it, after that thread has been joined.
 */
#ifndef PYCARBON_SOURCE_H
#define PYCARBON_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"

struct pc_source {
    /* Reads counter `index` to `*raw`: 0 or -errno.  Never waits longer than the hardware takes. */
    int (*read)(struct pc_source *source, size_t index, uint64_t *raw);
    void (*close)(struct pc_source *source);
    size_t count; /* how many counters it reads */
};

/*
 * powercap: the `energy_uj` files at `paths`, kept open and read with pread; unit 1 uJ.
 * A read answers -ENODATA for an empty file, -EBADMSG for one that holds no number, -ERANGE for one too large,
 * -ENODEV for one that was removed.  A file that fails is opened anew about once in a thousand reads, so that a zone may come back.
 * 0, or the error of the first file that cannot be opened.
 */
int pc_source_powercap_open(struct pc_source **out, const char *const *paths, size_t count);

/*
 * proc: CPU time in clock ticks, from the folder `root` ("/proc").  Counter 0 is the machine's busy time (user,
 * nice, system, irq, softirq; neither idle, iowait nor stolen), counter 1 the time of a tree of processes: the
 * followed process, its descendants, those they have waited for, and what was last seen of any that vanished
 * otherwise.  A process's time counts from its own beginning: only differences are of interest.  Costs a few reads
 * for each process of the tree: meant for about ten readings a second.
 */
enum { PC_PROC_MACHINE = 0, PC_PROC_TREE = 1 };
int pc_source_proc_open(struct pc_source **out, const char *root);

/* Any thread.  From the next reading on, counter 1 is the tree below `pid`; 0 (as at first): of nobody. */
void pc_source_proc_follow(struct pc_source *source, pid_t pid);

/*
 * Before the first reading.  From then on orphans of this process's descendants become its own children instead of
 * init's (PR_SET_CHILD_SUBREAPER), and all its children are part of the tree: for a process that does nothing but
 * run the followed one, and waits for whatever it gets.  0 or -errno.
 */
int pc_source_proc_adopt(struct pc_source *source);

/*
 * replay: a series recorded or invented before.  At time t of `clock` the counter stands at the raw[i] with the
 * largest time_ns[i] <= t, and fails with error[i] where that is not 0; before time_ns[0] it fails with -ENODATA.
 * Copies the arrays.
 */
int pc_source_replay_open(struct pc_source **out, const struct pc_clock *clock, const int64_t *time_ns,
                          const uint64_t *raw, const int32_t *error, size_t count);

#endif
