/* reducer: see reducer.h. */
#include "reducer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "borders.h"
#include "bounds.h"
#include "inbox.h"
#include "ledger.h"
#include "ticks.h"

#define MS INT64_C(1000000)
#define SHORTEST_WAIT_NS MS
#define LONGEST_WAIT_NS (50 * MS)
#define WAIT_INSIDE_NS (20 * MS) /* somebody is in a region, and may be killed there */
#define ASK_EVERY_NS (10 * MS)   /* whether processes live that are in a region; others a hundred times as rarely */
#define CPU_EVERY_NS (8 * MS)    /* and the more threads there are, the more rarely */
#define MANY_THREADS 32

struct pc_reducer {
    struct pc_inbox inbox;
    struct pc_borders borders;
    struct pc_labels labels;
    struct pc_tree tree;
    struct pc_ledger ledger;
    struct pc_folds folds;
    struct pc_reducer_counts counts;
    int64_t lag_ns, longest_slice_ns;
    struct pc_ticks_line line;
    int64_t folded_ns; /* up to where */
    int64_t passed_ns, asked_ns, asked_all_ns, cpu_read_ns; /* when the latest pass was, and what was asked in it */
    size_t threads_inside;
    pthread_mutex_t mutex; /* held for a pass, and for taking: all of the above */
    pthread_mutex_t wake_mutex;
    pthread_cond_t wake;
    bool stop; /* under wake_mutex */
    bool started;
    pthread_t thread;
    clockid_t cpu_clock;
    _Atomic int64_t cpu_ns; /* after the thread has ended; negative while it runs */
};

int pc_reducer_create(struct pc_reducer **made, const struct pc_reducer_settings *settings)
{
    *made = NULL;
    struct pc_reducer *reducer = calloc(1, sizeof *reducer);
    if (reducer == NULL)
        return -ENOMEM;
    pthread_mutex_init(&reducer->mutex, NULL);
    pthread_mutex_init(&reducer->wake_mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reducer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    struct pc_ticks_anchor now = pc_ticks_anchor_now(pc_ticks_source());
    pc_ticks_line_begin(&reducer->line, now);
    pc_ledger_init(&reducer->ledger, now.monotonic_ns, settings->keep_marks);
    reducer->folds = (struct pc_folds){&reducer->tree, &reducer->counts, &reducer->ledger.keeper, 0};
    reducer->lag_ns = settings->lag_ns;
    reducer->longest_slice_ns = settings->longest_slice_ns > 0 ? settings->longest_slice_ns : INT64_MAX / 4;
    reducer->folded_ns = reducer->passed_ns = now.monotonic_ns;
    int error = pc_tree_init(&reducer->tree);
    if (error == 0)
        error = pc_borders_init(&reducer->borders, settings->feeds, settings->feed_count);
    if (error == 0)
        error = pc_inbox_init(&reducer->inbox, settings->home, settings->proc, &reducer->labels, &reducer->counts);
    if (error != 0)
        pc_reducer_free(reducer);
    else
        *made = reducer;
    return error;
}

void pc_reducer_free(struct pc_reducer *reducer)
{
    if (reducer == NULL)
        return;
    pc_inbox_free(&reducer->inbox);
    pc_labels_free(&reducer->labels);
    pc_tree_free(&reducer->tree);
    pc_borders_free(&reducer->borders);
    pc_ledger_free(&reducer->ledger);
    pthread_cond_destroy(&reducer->wake);
    pthread_mutex_destroy(&reducer->wake_mutex);
    pthread_mutex_destroy(&reducer->mutex);
    free(reducer);
}

static void end_thread(struct pc_inbox_thread *thread, uint64_t *count)
{
    *count += pc_fold_close(&thread->fold);
    thread->ended = true;
}

/* The thread's ring is read to its end, up to `limit_ns`: is there more to come?  True when it goes on in another. */
static bool go_on(struct pc_reducer *reducer, struct pc_inbox_thread *thread, int64_t limit_ns)
{
    /* acquire: pairs with the releases in stream.c; all words were written before */
    uint32_t state = atomic_load_explicit(&thread->header->state, memory_order_acquire);
    if (state == PC_MARKS_OPEN || pc_inbox_head(&reducer->inbox, thread) != thread->tail || thread->ended)
        return false;
    if (state == PC_MARKS_CONTINUED) {
        enum pc_inbox_next next = pc_inbox_continue(&reducer->inbox, thread);
        if (next != PC_INBOX_ENDS)
            return next == PC_INBOX_GOES_ON;
    }
    int64_t closed_ns = pc_inbox_word_ns(&reducer->line, thread->header->closed_ticks);
    if (state == PC_MARKS_ENDED && closed_ns > limit_ns)
        return false;
    pc_fold_until(&thread->fold, pc_least(closed_ns, limit_ns));
    end_thread(thread, &reducer->counts.died_inside);
    return false;
}

/* Folds the thread's marks up to `limit_ns`. */
static void fold_thread(struct pc_reducer *reducer, struct pc_inbox_thread *thread, int64_t limit_ns)
{
    struct pc_fold *fold = &thread->fold;
    const struct pc_ticks_line line = reducer->line;
    if (thread->process->replaced_ticks != 0)
        limit_ns = pc_least(limit_ns, pc_inbox_word_ns(&line, thread->process->replaced_ticks));
    do {
        uint64_t head = pc_inbox_head(&reducer->inbox, thread), mask = thread->capacity - 1, tail = thread->tail;
        struct pc_inbox_process *process = thread->process;
        for (; tail != head; tail++) {
            uint64_t word = atomic_load_explicit(&thread->slots[tail & mask], memory_order_relaxed);
            int64_t time_ns = pc_inbox_word_ns(&line, word);
            if (time_ns > limit_ns)
                break;
            uint32_t number = (uint32_t)(word >> (PC_MARK_TICKS_BITS + 2));
            uint32_t label = number != 0 && number < process->label_count && process->labels[number] != UINT32_MAX
                                 ? process->labels[number]
                                 : pc_inbox_label(&reducer->inbox, process, number);
            pc_fold_until(fold, time_ns);
            pc_fold_mark(fold, (enum pc_mark_kind)(word >> PC_MARK_TICKS_BITS & 3), label);
        }
        thread->marks += tail - thread->tail;
        thread->tail = tail;
        /* release: pairs with the acquire in pc_stream_make_room; we are done with what lies behind */
        atomic_store_explicit(&thread->header->tail, tail, memory_order_release);
        if (tail != head)
            break;
    } while (!thread->ended && go_on(reducer, thread, limit_ns));
    if (!thread->ended)
        pc_fold_until(fold, limit_ns);
}

static void fold_all(struct pc_reducer *reducer, int64_t limit_ns)
{
    for (size_t i = 0; i < reducer->inbox.thread_count; i++) {
        struct pc_inbox_thread *thread = reducer->inbox.threads[i];
        if (!thread->ended)
            fold_thread(reducer, thread, limit_ns);
    }
    reducer->folded_ns = limit_ns;
}

/* Folds up to `limit_ns`, and closes slices at the borders there are until then. */
static void fold_slices(struct pc_reducer *reducer, int64_t limit_ns)
{
    struct pc_borders *borders = &reducer->borders;
    size_t used = 0;
    for (;;) {
        bool is_edge = used < borders->count && borders->waiting[used].time_ns <= limit_ns;
        struct pc_border next = is_edge ? borders->waiting[used] : (struct pc_border){limit_ns, PC_EDGE_ALL};
        int64_t longest_ns = pc_most(reducer->ledger.slice_start_ns + reducer->longest_slice_ns, reducer->folded_ns);
        bool is_long = next.time_ns > longest_ns;
        if (is_long)
            next = (struct pc_border){longest_ns, PC_EDGE_ALL};
        fold_all(reducer, next.time_ns);
        if (!is_edge && !is_long)
            break;
        int64_t open_ns = reducer->ledger.slice_start_ns;
        pc_ledger_close(&reducer->ledger, &reducer->folds, next.time_ns, next.channel);
        used += is_edge && !is_long;
        if (is_long && reducer->ledger.slice_start_ns == open_ns) { /* nobody takes: this one goes on */
            fold_all(reducer, limit_ns);
            break;
        }
    }
    while (used < borders->count && borders->waiting[used].time_ns <= limit_ns)
        used++;
    pc_borders_drop(borders, used);
}

/* Finds processes that were killed, and how much of a CPU the threads have. */
static void ask_around(struct pc_reducer *reducer, int64_t now_ns)
{
    struct pc_inbox *inbox = &reducer->inbox;
    reducer->threads_inside = pc_inbox_inside(inbox);
    bool all = now_ns - reducer->asked_all_ns >= 100 * ASK_EVERY_NS;
    if (all || now_ns - reducer->asked_ns >= ASK_EVERY_NS) {
        reducer->asked_ns = now_ns;
        if (all)
            reducer->asked_all_ns = now_ns;
        for (size_t i = 0; i < inbox->process_count; i++) {
            struct pc_inbox_process *process = inbox->processes[i];
            if (all || process->inside > 0 || process->threads == 0)
                pc_life_ask(&process->life);
        }
    }
    if (now_ns - reducer->cpu_read_ns >= CPU_EVERY_NS * (1 + (int64_t)inbox->thread_count / MANY_THREADS)) {
        reducer->cpu_read_ns = now_ns;
        pc_inbox_read_cpu(inbox, now_ns);
    }
}

/* Threads of dead processes have said all they will; what they are in ends at `end_ns`. */
static void bury(struct pc_reducer *reducer, int64_t end_ns)
{
    for (size_t i = 0; i < reducer->inbox.thread_count; i++) {
        struct pc_inbox_thread *thread = reducer->inbox.threads[i];
        if (!thread->process->life.over || thread->ended)
            continue;
        fold_thread(reducer, thread, end_ns);
        if (!thread->ended && pc_inbox_head(&reducer->inbox, thread) == thread->tail)
            end_thread(thread, &reducer->counts.killed_inside);
    }
}

static int64_t pass(struct pc_reducer *reducer, int64_t now_ns, bool last)
{
    int64_t error_ns = pc_ticks_line_move(&reducer->line, pc_ticks_anchor_now(pc_ticks_source()));
    reducer->counts.clock_error_ns = pc_most(reducer->counts.clock_error_ns, error_ns);
    ask_around(reducer, now_ns); /* before looking: what a dead process has left is then all found */
    pc_inbox_look(&reducer->inbox, &reducer->folds, reducer->folded_ns, last);
    pc_borders_read(&reducer->borders, reducer->folded_ns);
    int64_t limit_ns = pc_most(now_ns - reducer->lag_ns, reducer->folded_ns);
    fold_slices(reducer, limit_ns);
    bury(reducer, limit_ns);

    int64_t wait_ns = reducer->threads_inside > 0 ? WAIT_INSIDE_NS : LONGEST_WAIT_NS;
    double passed_ns = (double)pc_most(now_ns - reducer->passed_ns, 1);
    reducer->passed_ns = now_ns;
    for (size_t i = 0; i < reducer->inbox.thread_count; i++) {
        struct pc_inbox_thread *thread = reducer->inbox.threads[i];
        if (thread->marks > 0) /* until a quarter of its ring is full again */
            wait_ns = pc_least(wait_ns, (int64_t)((double)thread->capacity / 4 / (double)thread->marks * passed_ns));
        reducer->counts.marks += thread->marks;
        thread->marks = 0;
    }
    pc_inbox_tidy(&reducer->inbox);
    return pc_most(wait_ns, SHORTEST_WAIT_NS);
}

int64_t pc_reducer_pass(struct pc_reducer *reducer, int64_t now_ns)
{
    pthread_mutex_lock(&reducer->mutex);
    int64_t wait_ns = pass(reducer, now_ns, false);
    pthread_mutex_unlock(&reducer->mutex);
    return wait_ns;
}

static void *work(void *argument)
{
    struct pc_reducer *reducer = argument;
    const struct pc_clock *clock = pc_clock_monotonic();
    pthread_mutex_lock(&reducer->wake_mutex);
    while (!reducer->stop) {
        pthread_mutex_unlock(&reducer->wake_mutex);
        int64_t now_ns = clock->now_ns(clock);
        int64_t next_ns = now_ns + pc_reducer_pass(reducer, now_ns);
        struct timespec until = {next_ns / 1000000000, next_ns % 1000000000};
        pthread_mutex_lock(&reducer->wake_mutex);
        if (!reducer->stop)
            pthread_cond_timedwait(&reducer->wake, &reducer->wake_mutex, &until);
    }
    pthread_mutex_unlock(&reducer->wake_mutex);
    const struct pc_clock *cpu = pc_clock_thread_cpu();
    atomic_store_explicit(&reducer->cpu_ns, cpu->now_ns(cpu), memory_order_relaxed);
    return NULL;
}

int pc_reducer_start(struct pc_reducer *reducer)
{
    if (reducer->started)
        return -EALREADY;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    reducer->stop = false;
    atomic_store_explicit(&reducer->cpu_ns, -1, memory_order_relaxed);
    int error = pthread_create(&reducer->thread, NULL, work, reducer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return -error;
    reducer->started = true;
    if (pthread_getcpuclockid(reducer->thread, &reducer->cpu_clock) != 0)
        reducer->cpu_clock = CLOCK_MONOTONIC;
    return 0;
}

void pc_reducer_stop(struct pc_reducer *reducer, int64_t end_ns)
{
    if (reducer->started) {
        pthread_mutex_lock(&reducer->wake_mutex);
        reducer->stop = true;
        pthread_cond_signal(&reducer->wake);
        pthread_mutex_unlock(&reducer->wake_mutex);
        pthread_join(reducer->thread, NULL);
        reducer->started = false;
    }
    pthread_mutex_lock(&reducer->mutex);
    end_ns = pc_most(end_ns, reducer->folded_ns);
    pass(reducer, end_ns + reducer->lag_ns, true);
    for (size_t i = 0; i < reducer->inbox.thread_count; i++) {
        struct pc_inbox_thread *thread = reducer->inbox.threads[i];
        pc_life_ask(&thread->process->life);
        end_thread(thread, thread->process->life.over ? &reducer->counts.killed_inside : &reducer->counts.open_at_end);
    }
    for (size_t i = 0; i < reducer->inbox.process_count; i++)
        reducer->inbox.processes[i]->life.over = true; /* nothing more is wanted of it */
    pc_ledger_end(&reducer->ledger, &reducer->folds, end_ns);
    pc_inbox_tidy(&reducer->inbox);
    pthread_mutex_unlock(&reducer->mutex);
}

int64_t pc_reducer_cpu_ns(const struct pc_reducer *reducer)
{
    int64_t ended_ns = atomic_load_explicit(&reducer->cpu_ns, memory_order_relaxed);
    struct timespec now;
    if (ended_ns >= 0 || clock_gettime(reducer->cpu_clock, &now) < 0)
        return pc_most(ended_ns, 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

size_t pc_reducer_take_slices(struct pc_reducer *reducer, struct pc_slice *out, size_t max)
{
    pthread_mutex_lock(&reducer->mutex);
    size_t count = pc_ledger_take_slices(&reducer->ledger, out, max);
    pthread_mutex_unlock(&reducer->mutex);
    return count;
}

size_t pc_reducer_take_rows(struct pc_reducer *reducer, struct pc_row *out, size_t max)
{
    pthread_mutex_lock(&reducer->mutex);
    size_t count = pc_ledger_take_rows(&reducer->ledger, out, max);
    pthread_mutex_unlock(&reducer->mutex);
    return count;
}

size_t pc_reducer_take_marks(struct pc_reducer *reducer, struct pc_kept_mark *out, size_t max)
{
    pthread_mutex_lock(&reducer->mutex);
    size_t count = pc_outbox_take(&reducer->ledger.marks, out, max);
    pthread_mutex_unlock(&reducer->mutex);
    return count;
}

size_t pc_reducer_nodes(struct pc_reducer *reducer, struct pc_node *out, size_t from, size_t max)
{
    pthread_mutex_lock(&reducer->mutex);
    size_t count = from < reducer->tree.node_count ? reducer->tree.node_count - from : 0;
    count = count < max ? count : max;
    if (count > 0)
        memcpy(out, reducer->tree.nodes + from, count * sizeof *out);
    pthread_mutex_unlock(&reducer->mutex);
    return count;
}

size_t pc_reducer_label_count(struct pc_reducer *reducer)
{
    pthread_mutex_lock(&reducer->mutex);
    size_t count = pc_labels_count(&reducer->labels) - 1;
    pthread_mutex_unlock(&reducer->mutex);
    return count;
}

size_t pc_reducer_label(struct pc_reducer *reducer, size_t index, char *out, size_t room)
{
    size_t length = 0;
    pthread_mutex_lock(&reducer->mutex);
    if (index + 1 < pc_labels_count(&reducer->labels)) {
        const struct pc_label *label = pc_labels_at(&reducer->labels, (uint32_t)index + 1);
        length = label->length;
        memcpy(out, label->bytes, length < room ? length : room);
    }
    pthread_mutex_unlock(&reducer->mutex);
    return length;
}

struct pc_reducer_counts pc_reducer_counts(struct pc_reducer *reducer)
{
    pthread_mutex_lock(&reducer->mutex);
    struct pc_reducer_counts counts = reducer->counts;
    counts.late_edges = reducer->borders.late;
    pthread_mutex_unlock(&reducer->mutex);
    return counts;
}
