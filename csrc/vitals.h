/*
 * vitals: whether a process lives, and how much of its time a thread has a CPU.
 *
 * Of the descriptors that this takes only so many are held at once as leave the process that records most of its own:
 * beyond them a process is asked by its number, and a thread's file opened for each reading.
 */
#ifndef PYCARBON_VITALS_H
#define PYCARBON_VITALS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct pc_vitals {
    char proc[PATH_MAX - 64]; /* where the threads' CPU time is found; empty: nowhere */
    uint32_t held, most;      /* descriptors */
};

struct pc_life {
    int32_t pid; /* 0: nobody can ask */
    int fd;      /* -1: none is held */
    bool over;
};

struct pc_pulse {
    int32_t pid, tid; /* 0: nobody can ask */
    int fd;           /* -1: none is held */
    int64_t cpu_ns, at_ns; /* its CPU time, and when it was read; 0: never */
};

#define PC_PULSE_WHOLE 65536

/* 0, or -ENAMETOOLONG.  `proc` may be NULL. */
int pc_vitals_init(struct pc_vitals *vitals, const char *proc);

void pc_life_begin(struct pc_vitals *vitals, struct pc_life *life, int32_t pid);
/* Asks; once it is over it stays so. */
void pc_life_ask(struct pc_life *life);
void pc_life_end(struct pc_vitals *vitals, struct pc_life *life);

/* The part of its time since the reading before that the thread had a CPU, of PC_PULSE_WHOLE; -1 with the first. */
int32_t pc_pulse_read(struct pc_vitals *vitals, struct pc_pulse *pulse, int64_t now_ns);
void pc_pulse_end(struct pc_vitals *vitals, struct pc_pulse *pulse);

#endif
