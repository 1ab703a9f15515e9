/*
 * tree: the tree of regions, and what ran where in it since the last slice was closed.
 *
 * A node is a place: a label within the labels around it.  A label that is entered again within itself is the node it
 * is already, so no label occurs twice on a path.
 */
#ifndef PYCARBON_TREE_H
#define PYCARBON_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "reducer.h"

/* What ran at a node in the open slice. */
struct pc_tally {
    uint64_t slice; /* when it was last touched; of an earlier one it is zero */
    int64_t time_ns, cpu_ns;
    uint64_t calls;
};

struct pc_tree {
    struct pc_node *nodes;
    struct pc_tally *tallies; /* by node */
    uint32_t *touched;        /* nodes that ran in the open slice */
    uint32_t node_count, touched_count, room;
    uint32_t *slots; /* by parent and label: node + 1, 0 is free */
    uint32_t slot_count;
    uint64_t slice; /* how many were closed, and one */
};

#define PC_TREE_NONE UINT32_MAX

/* 0 or -ENOMEM. */
int pc_tree_init(struct pc_tree *tree);
void pc_tree_free(struct pc_tree *tree);

/* The node for a label entered at `parent` (PC_TREE_NONE: within none); PC_TREE_NONE when there are too many. */
uint32_t pc_tree_enter(struct pc_tree *tree, uint32_t parent, uint32_t label);

/* The node's tally in the open slice. */
static inline struct pc_tally *pc_tree_tally(struct pc_tree *tree, uint32_t node)
{
    struct pc_tally *tally = &tree->tallies[node];
    if (tally->slice != tree->slice) {
        *tally = (struct pc_tally){.slice = tree->slice};
        tree->touched[tree->touched_count++] = node;
    }
    return tally;
}

/* Begins the next slice with nothing in it. */
static inline void pc_tree_next_slice(struct pc_tree *tree)
{
    tree->slice++;
    tree->touched_count = 0;
}

#endif
