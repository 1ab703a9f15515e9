/*
 * place: where a thread runs and how it competes for it, as far as it is allowed to.
 */
#ifndef PYCARBON_PLACE_H
#define PYCARBON_PLACE_H

#include <stddef.h>
#include <stdint.h>

enum pc_priority {
    PC_PRIORITY_NORMAL = 0,
    PC_PRIORITY_NICE = 1,     /* niceness -10: wakes before ordinary threads, and takes turns with them */
    PC_PRIORITY_REALTIME = 2, /* SCHED_FIFO at its lowest level: before all ordinary threads, whenever it wants to run */
};

struct pc_place {
    const int32_t *cpus; /* the thread runs on those of them that its creator may use */
    size_t cpu_count;    /* 0: anywhere */
    enum pc_priority priority;
};

/* 0, or the errno of what was refused: none of the CPUs is allowed or there (EINVAL), no permission (EPERM). */
struct pc_place_grant {
    int32_t cpus;
    int32_t priority;
};

/* For the thread that calls it.  What is refused it does without. */
struct pc_place_grant pc_place_take(const struct pc_place *place);

#endif
