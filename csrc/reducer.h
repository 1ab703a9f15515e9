/*
 * reducer: folds the marks of all threads of the recorded processes into the ledger, as fast as they come.
 *
 *   rings of marks (files in the home) --+
 *                                        +--> reducer --> slices, rows, nodes, labels, marks --take--> recorder
 *   rings of edges (borders only) -------+
 *
 * Time is cut into slices at the edges of counters.  For each slice and each node of the tree of regions the ledger
 * says how long the node ran in it without the nodes within it, and how often it was entered.  That takes constant
 * memory per slice, however many marks there were.
 *
 * Roles: the reducer's thread (or whoever calls pc_reducer_pass) folds; one consumer takes.  They share everything
 * under a mutex that is held for a pass, or for a copy.  The rings of edges have a consumer of their own: the
 * reducer only looks at what was pushed, with a cursor of its own, and tolerates that it was consumed.
 *
 * Invariant: all time that a thread spends in regions is in exactly one row per moment, that of its innermost region.
 *
 * A pass folds what is older than `lag_ns`: by then the edges of that time have arrived.  An edge that comes later
 * still is no border.
 */
#ifndef PYCARBON_REDUCER_H
#define PYCARBON_REDUCER_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"

/* Layouts known to pycarbon/ledger.py. */
struct pc_slice {
    int64_t start_ns, end_ns;
    uint16_t channel; /* whose edge ended it, or PC_EDGE_ALL: it had lasted longest_slice_ns */
    uint16_t threads; /* how many threads were in a region at any time in it */
    uint32_t zero;    /* keeps the layout free of holes */
};

struct pc_row {
    uint32_t slice; /* counted from 0 over the run */
    uint32_t node;
    int64_t time_ns; /* self time, summed over threads */
    int64_t cpu_ns;  /* as much of it as those threads' CPU time says; time_ns where nobody knows */
    uint64_t calls;
};

struct pc_node {
    int32_t parent; /* an earlier node, or -1 */
    int32_t label;  /* index in the run's labels */
};

struct pc_kept_mark {
    int64_t time_ns;
    uint32_t node;
    uint16_t thread; /* counted from 0 over the run; beyond 65535 all the same */
    uint16_t kind;   /* PC_MARK_ENTER, _LEAVE or _RESUME; for each thread they nest */
};

/* Oddities, and sizes; all only ever grow. */
struct pc_reducer_counts {
    uint64_t marks;          /* folded */
    uint64_t threads, processes;
    uint64_t dropped;        /* marks lost because a ring was full */
    uint64_t not_kept;       /* marks beyond `keep_marks` */
    uint64_t crossed;        /* leaves of a region that was not the innermost: those within were left and resumed */
    uint64_t unmatched;      /* leaves of a region that the thread was not in: ignored */
    uint64_t died_inside;    /* threads that ended within a region */
    uint64_t killed_inside;  /* threads within a region when their process ended without a word */
    uint64_t open_at_end;    /* threads still within a region when the recording ended */
    uint64_t too_deep;       /* enters beyond PC_REDUCER_MOST_DEEP: time goes to the region around */
    uint64_t too_many_nodes; /* enters beyond PC_REDUCER_MOST_NODES: the same */
    uint64_t other_label;    /* marks without a label: a process, or the run, had more than there are numbers */
    uint64_t unnamed;        /* marks whose label's name had not come: it could not be written */
    uint64_t ringless;       /* threads that mark, and had no ring yet when the home was last looked through */
    uint64_t late_edges;     /* edges that came too late to be a border */
    uint64_t bad_rings;      /* files that are no ring of marks, or contradict themselves */
    int64_t clock_error_ns;  /* the largest error seen of times made from ticks */
};

#define PC_REDUCER_MOST_DEEP 1024
#define PC_REDUCER_MOST_NODES 65536

struct pc_reducer_feed {
    const struct pc_ring *ring; /* stays mapped until the reducer is freed */
    const uint16_t *channels;   /* whose edges are borders */
    size_t channel_count;
};

struct pc_reducer_settings {
    const char *home; /* the folder; copied */
    const char *proc; /* where the threads' CPU time is found, normally "/proc"; NULL: nowhere; copied */
    const struct pc_reducer_feed *feeds; /* copied, with what they point to but the rings */
    size_t feed_count;
    int64_t lag_ns;
    int64_t longest_slice_ns;
    uint64_t keep_marks;
};

struct pc_reducer;

/* 0 or -errno. */
int pc_reducer_create(struct pc_reducer **reducer, const struct pc_reducer_settings *settings);

/* Starts its thread, which passes as often as the marks need, from every 50 ms to every ms.  0 or -errno: -EALREADY
 * when it runs. */
int pc_reducer_start(struct pc_reducer *reducer);

/* Ends and joins its thread, if there is one, then folds everything that is there up to `end_ns` and closes the last
 * slice there; threads still within a region are counted and closed. */
void pc_reducer_stop(struct pc_reducer *reducer, int64_t end_ns);

/* One pass at time `now_ns`, for tests and for the thread.  Gives after how many ns the next is due. */
int64_t pc_reducer_pass(struct pc_reducer *reducer, int64_t now_ns);

/* Any thread: CPU time the reducer's thread has used. */
int64_t pc_reducer_cpu_ns(const struct pc_reducer *reducer);

/*
 * The consumer: copies up to `max` of what is finished and was not taken, in order, and frees it.  A row is given
 * only after its slice was, and a node or label only grows; nodes and labels are not freed but asked for by index.
 */
size_t pc_reducer_take_slices(struct pc_reducer *reducer, struct pc_slice *out, size_t max);
size_t pc_reducer_take_rows(struct pc_reducer *reducer, struct pc_row *out, size_t max);
size_t pc_reducer_take_marks(struct pc_reducer *reducer, struct pc_kept_mark *out, size_t max);
size_t pc_reducer_nodes(struct pc_reducer *reducer, struct pc_node *out, size_t from, size_t max);
/* Copies the label's bytes, at most `room` of them, and gives how many there are; 0 where there is no such label.
 * They need not be UTF-8. */
size_t pc_reducer_label(struct pc_reducer *reducer, size_t index, char *out, size_t room);
size_t pc_reducer_label_count(struct pc_reducer *reducer);
struct pc_reducer_counts pc_reducer_counts(struct pc_reducer *reducer);

void pc_reducer_free(struct pc_reducer *reducer);

#endif
