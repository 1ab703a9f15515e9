/* fold: see fold.h. */
#include "fold.h"

void pc_fold_init(struct pc_fold *fold, struct pc_folds *shared, uint16_t thread, int64_t start_ns)
{
    fold->shared = shared;
    fold->slice = 0;
    fold->folded_ns = start_ns;
    fold->cpu_q16 = 65536;
    fold->depth = fold->beyond = 0;
    fold->top = PC_TREE_NONE;
    fold->child_label = fold->child_of = fold->child = PC_TREE_NONE;
    fold->thread = thread;
}

static void keep(struct pc_fold *fold, uint32_t node, enum pc_mark_kind kind)
{
    struct pc_folds *shared = fold->shared;
    if (node == PC_TREE_NONE)
        return;
    if (shared->keeper->full || !shared->keeper->keep(shared->keeper, fold->folded_ns, node, fold->thread, kind))
        shared->counts->not_kept++;
}

static uint32_t child_of(struct pc_fold *fold, uint32_t label)
{
    if (fold->child_label != label || fold->child_of != fold->top || fold->child == PC_TREE_NONE) {
        fold->child_label = label;
        fold->child_of = fold->top;
        fold->child = pc_tree_enter(fold->shared->tree, fold->top, label);
    }
    return fold->child;
}

static void push(struct pc_fold *fold, uint32_t label, bool by_tick, enum pc_mark_kind kind)
{
    struct pc_folds *shared = fold->shared;
    if (fold->depth == PC_REDUCER_MOST_DEEP) {
        shared->counts->too_deep++;
        fold->beyond += !by_tick; /* nobody leaves what a tick opened */
        return;
    }
    uint32_t node = child_of(fold, label);
    fold->stack[fold->depth++] = (struct pc_frame){node, label, by_tick};
    if (node == PC_TREE_NONE) {
        shared->counts->too_many_nodes++;
        return;
    }
    fold->top = node;
    if (kind == PC_MARK_ENTER)
        pc_tree_tally(shared->tree, node)->calls++;
    keep(fold, node, kind);
}

static void pop(struct pc_fold *fold)
{
    keep(fold, fold->stack[--fold->depth].node, PC_MARK_LEAVE);
    uint32_t depth = fold->depth;
    while (depth > 0 && fold->stack[depth - 1].node == PC_TREE_NONE)
        depth--;
    fold->top = depth > 0 ? fold->stack[depth - 1].node : PC_TREE_NONE;
}

/* The region to leave is not the innermost. */
static void leave_within(struct pc_fold *fold, uint32_t label)
{
    uint32_t at = fold->depth;
    while (at > 0 && fold->stack[at - 1].label != label)
        at--;
    if (at == 0) {
        fold->shared->counts->unmatched++;
        return;
    }
    struct pc_frame above[PC_REDUCER_MOST_DEEP];
    uint32_t kept = 0;
    for (uint32_t i = at; i < fold->depth; i++) {
        if (!fold->stack[i].by_tick) /* a tick's region ends with the one around it */
            above[kept++] = fold->stack[i];
    }
    while (fold->depth >= at)
        pop(fold);
    for (uint32_t i = 0; i < kept; i++)
        push(fold, above[i].label, false, PC_MARK_RESUME);
    if (kept > 0)
        fold->shared->counts->crossed++;
}

void pc_fold_mark(struct pc_fold *fold, enum pc_mark_kind kind, uint32_t label)
{
    bool innermost = fold->depth > 0 && fold->stack[fold->depth - 1].label == label;
    switch (kind) {
    case PC_MARK_ENTER:
    case PC_MARK_RESUME:
        push(fold, label, false, kind);
        break;
    case PC_MARK_TICK:
        if (innermost && fold->stack[fold->depth - 1].by_tick && fold->beyond == 0)
            pop(fold);
        push(fold, label, true, PC_MARK_ENTER);
        break;
    case PC_MARK_LEAVE:
        if (fold->beyond > 0)
            fold->beyond--;
        else if (innermost)
            pop(fold);
        else
            leave_within(fold, label);
        break;
    }
}

bool pc_fold_close(struct pc_fold *fold)
{
    bool inside = fold->beyond > 0;
    fold->beyond = 0;
    while (fold->depth > 0) {
        inside = inside || !fold->stack[fold->depth - 1].by_tick;
        pop(fold);
    }
    return inside;
}
