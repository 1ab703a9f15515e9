/*
 * roster: the file in a home that says which numbers a process gave to its labels: u32 length, then as many bytes, in
 * order of the numbers, from 1 on.
 *
 * It is opened anew for each name that comes: a descriptor that stays open in a program is one that the program may
 * close, and then write to.  What cannot be written is tried again with the next name, so the order always holds.
 */
#ifndef PYCARBON_ROSTER_H
#define PYCARBON_ROSTER_H

#include <sys/types.h>

#include "labels.h"

/* All zero is one that was not begun.  One thread at a time. */
struct pc_roster {
    uint64_t process; /* PROCESS of the file's name */
    uint32_t written; /* how many labels it holds */
    off_t bytes;      /* what it holds is whole up to here */
};

/* Writes the labels that it lacks into the home at `path`, as far as they can be written. */
void pc_roster_write(struct pc_roster *roster, const char *path, const struct pc_labels *labels);

#endif
