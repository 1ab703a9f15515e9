/*
 * fold: what one thread's marks mean: its stack of regions, and the time that goes to the innermost.
 *
 * Invariant: all time between two calls of pc_fold_until goes to the node on top of the stack, or to none.
 */
#ifndef PYCARBON_FOLD_H
#define PYCARBON_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "marks.h"
#include "reducer.h"
#include "tree.h"

struct pc_frame {
    uint32_t node; /* PC_TREE_NONE where there was no room for one: the time goes to the frame around it */
    uint32_t label;
    bool by_tick;
};

/* Takes the marks one by one as they were understood; false when it did not. */
struct pc_keeper {
    bool (*keep)(struct pc_keeper *keeper, int64_t time_ns, uint32_t node, uint16_t thread, enum pc_mark_kind kind);
    bool full; /* it takes no more: it need not be called, `not_kept` is counted */
};

/* What all threads of a run share. */
struct pc_folds {
    struct pc_tree *tree;
    struct pc_reducer_counts *counts;
    struct pc_keeper *keeper;
    uint32_t threads_in_slice;
};

struct pc_fold {
    struct pc_folds *shared;
    uint64_t slice; /* the latest in which it was in a region */
    int64_t folded_ns;
    uint32_t cpu_q16; /* the part of its time that it has a CPU, of 65536 */
    uint32_t depth;
    uint32_t beyond; /* enters that found the stack full */
    uint32_t top;    /* node of the innermost frame that has one, or PC_TREE_NONE */
    uint32_t child_label, child_of, child; /* the latest answer of pc_tree_enter */
    uint16_t thread;
    struct pc_frame stack[PC_REDUCER_MOST_DEEP];
};

void pc_fold_init(struct pc_fold *fold, struct pc_folds *shared, uint16_t thread, int64_t start_ns);

/* Gives the time up to `time_ns` to the innermost region; a time that lies behind counts as now. */
static inline void pc_fold_until(struct pc_fold *fold, int64_t time_ns)
{
    int64_t passed_ns = time_ns - fold->folded_ns;
    if (passed_ns <= 0)
        return;
    fold->folded_ns = time_ns;
    if (fold->top == PC_TREE_NONE)
        return;
    struct pc_tree *tree = fold->shared->tree;
    struct pc_tally *tally = pc_tree_tally(tree, fold->top);
    tally->time_ns += passed_ns;
    tally->cpu_ns += fold->cpu_q16 >= 65536 ? passed_ns : passed_ns * (int64_t)fold->cpu_q16 >> 16;
    if (fold->slice != tree->slice) {
        fold->slice = tree->slice;
        fold->shared->threads_in_slice++;
    }
}

/* One mark, at a time up to which was folded; `label` is an index in the run's labels. */
void pc_fold_mark(struct pc_fold *fold, enum pc_mark_kind kind, uint32_t label);

/* Leaves everything; true when a region was left that no tick had opened. */
bool pc_fold_close(struct pc_fold *fold);

#endif
