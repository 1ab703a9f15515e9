/*
 * ledger: slices that are closed, their rows, and the marks that are kept, until somebody takes them.
 *
 * Where nobody does, a slice is not closed but goes on: the ledger becomes coarser, and nothing is lost.
 */
#ifndef PYCARBON_LEDGER_H
#define PYCARBON_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "fold.h"
#include "outbox.h"

struct pc_ledger {
    struct pc_keeper keeper; /* first: it is found again by its address */
    struct pc_outbox slices, rows, marks;
    uint64_t slice, taken;  /* slices closed; slices taken */
    int64_t slice_start_ns; /* of the open one */
    uint64_t keep_marks, kept_marks;
};

void pc_ledger_init(struct pc_ledger *ledger, int64_t start_ns, uint64_t keep_marks);
void pc_ledger_free(struct pc_ledger *ledger);

/* Closes the open slice with what is in the tree's tallies, and begins the next; where too many wait to be
 * taken, leaves both as they are. */
void pc_ledger_close(struct pc_ledger *ledger, struct pc_folds *folds, int64_t end_ns, uint16_t channel);

/* The same for the last slice, for which there is always room. */
void pc_ledger_end(struct pc_ledger *ledger, struct pc_folds *folds, int64_t end_ns);

/* As pc_reducer_take_slices and _rows. */
size_t pc_ledger_take_slices(struct pc_ledger *ledger, struct pc_slice *out, size_t max);
size_t pc_ledger_take_rows(struct pc_ledger *ledger, struct pc_row *out, size_t max);

#endif
