/* ledger: see ledger.h. */
#include "ledger.h"

#define MOST_ROWS (1 << 21)
#define MOST_SLICES (1 << 20)
#define MOST_MARKS (1 << 22)

static bool keep_mark(struct pc_keeper *keeper, int64_t time_ns, uint32_t node, uint16_t thread,
                      enum pc_mark_kind kind)
{
    struct pc_ledger *ledger = (struct pc_ledger *)keeper;
    struct pc_kept_mark mark = {time_ns, node, thread, (uint16_t)kind};
    /* Once a mark does not fit none is kept any more: what is kept has no holes. */
    keeper->full = !pc_outbox_reserve(&ledger->marks, 1);
    if (keeper->full)
        return false;
    pc_outbox_put(&ledger->marks, &mark);
    keeper->full = ++ledger->kept_marks >= ledger->keep_marks;
    return true;
}

void pc_ledger_init(struct pc_ledger *ledger, int64_t start_ns, uint64_t keep_marks)
{
    *ledger = (struct pc_ledger){
        .keeper = {keep_mark, keep_marks == 0},
        .slices = {.each = sizeof(struct pc_slice), .most = MOST_SLICES},
        .rows = {.each = sizeof(struct pc_row), .most = MOST_ROWS},
        .marks = {.each = sizeof(struct pc_kept_mark), .most = MOST_MARKS},
        .slice_start_ns = start_ns,
        .keep_marks = keep_marks,
    };
}

void pc_ledger_free(struct pc_ledger *ledger)
{
    pc_outbox_free(&ledger->slices);
    pc_outbox_free(&ledger->rows);
    pc_outbox_free(&ledger->marks);
}

void pc_ledger_close(struct pc_ledger *ledger, struct pc_folds *folds, int64_t end_ns, uint16_t channel)
{
    struct pc_tree *tree = folds->tree;
    if (end_ns <= ledger->slice_start_ns || !pc_outbox_reserve(&ledger->rows, tree->touched_count) ||
        !pc_outbox_reserve(&ledger->slices, 1))
        return;
    uint32_t threads = folds->threads_in_slice;
    struct pc_slice slice = {ledger->slice_start_ns, end_ns, channel,
                             (uint16_t)(threads < UINT16_MAX ? threads : UINT16_MAX), 0};
    pc_outbox_put(&ledger->slices, &slice);
    for (uint32_t i = 0; i < tree->touched_count; i++) {
        const struct pc_tally *tally = &tree->tallies[tree->touched[i]];
        struct pc_row row = {(uint32_t)ledger->slice, tree->touched[i], tally->time_ns, tally->cpu_ns, tally->calls};
        pc_outbox_put(&ledger->rows, &row);
    }
    ledger->slice++;
    ledger->slice_start_ns = end_ns;
    folds->threads_in_slice = 0;
    pc_tree_next_slice(tree);
}

void pc_ledger_end(struct pc_ledger *ledger, struct pc_folds *folds, int64_t end_ns)
{
    ledger->rows.most += PC_REDUCER_MOST_NODES;
    ledger->slices.most++;
    pc_ledger_close(ledger, folds, end_ns, PC_EDGE_ALL);
}

size_t pc_ledger_take_slices(struct pc_ledger *ledger, struct pc_slice *out, size_t max)
{
    size_t count = pc_outbox_take(&ledger->slices, out, max);
    ledger->taken += count;
    return count;
}

size_t pc_ledger_take_rows(struct pc_ledger *ledger, struct pc_row *out, size_t max)
{
    struct pc_outbox *rows = &ledger->rows;
    const struct pc_row *waiting = (const struct pc_row *)(const void *)rows->bytes;
    size_t count = 0;
    while (count < max && rows->first + count < rows->end && waiting[rows->first + count].slice < ledger->taken)
        count++;
    return pc_outbox_take(rows, out, count);
}
