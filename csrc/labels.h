/*
 * labels: the names of a process's regions, each once, under small numbers in order of their first use.
 *
 * Number 0 stands for all that there is no number, or no memory, left for.
 */
#ifndef PYCARBON_LABELS_H
#define PYCARBON_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "marks.h"

struct pc_label {
    uint64_t hash;
    uint32_t length;
    char *bytes;
};

/* All zero is an empty one.  One thread at a time. */
struct pc_labels {
    struct pc_label *labels; /* by number; the first is unused */
    uint32_t *slots;         /* a power of two of them, 0: free */
    uint32_t count, slot_count;
};

/* The number of this name; a new one where it was not there.  A long name is cut, see PC_LABEL_MOST_BYTES. */
uint32_t pc_labels_find(struct pc_labels *labels, const char *name, size_t length);

/* One more than the largest number; 1 where there are none. */
uint32_t pc_labels_count(const struct pc_labels *labels);

const struct pc_label *pc_labels_at(const struct pc_labels *labels, uint32_t number);

void pc_labels_free(struct pc_labels *labels);

#endif
