/*
 * nvml_processes: for how long processes kept a GPU busy, out of the driver's samples of how busy each kept it.
 *
 * Used by one thread.  The driver says nothing of processes that were idle, and a sample is of the time since the one
 * before: what a process begins with after it was idle is of one interval between samples, the shortest one seen.
 *
 * Hazard: the driver's pids are those of the machine.  In a container with pids of its own no process is found.
 */
#ifndef PYCARBON_NVML_PROCESSES_H
#define PYCARBON_NVML_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "nvml.h"

/* Whose processes are the tree: `follow` and its descendants, and those of `adopter`; 0: of nobody. */
struct pc_family {
    const char *proc; /* "/proc" */
    pid_t follow;
    pid_t adopter;
};

struct pc_gpu_user;

/* Zero, and then started.  Percents of microseconds: a hundredth of them is time. */
struct pc_gpu_use {
    uint64_t all_percent_us;
    uint64_t tree_percent_us;
    uint64_t newest_us;   /* the latest sample, or when it was started */
    uint64_t asked_us;    /* when the driver was last asked */
    uint64_t interval_us; /* from one sample to the next */
    pid_t follow;         /* whom the users' `ours` is about */
    struct pc_gpu_user *users;
    size_t user_count;
    size_t user_room;
};

/* Counts from 0, as of `wall_us` on the wall clock. */
void pc_gpu_use_start(struct pc_gpu_use *use, uint64_t wall_us);
void pc_gpu_use_free(struct pc_gpu_use *use);

/* Since when the driver is to be asked for samples, at `wall_us`. */
uint64_t pc_gpu_use_since_us(struct pc_gpu_use *use, uint64_t wall_us);

/*
 * What it answered.  A process of the tree stays one when its parents are gone, and its last sample counts when it is
 * gone itself, if it was seen before.  0 or -ENOMEM.
 */
int pc_gpu_use_add(struct pc_gpu_use *use, const struct pc_family *family, uint64_t since_us, uint64_t wall_us,
                   const struct pc_nvml_process *samples, size_t count);

#endif
