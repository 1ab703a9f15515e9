/*
 * quiet: a stretch of our own work in somebody else's thread, of which that thread is to notice nothing: it is not
 * cancelled in the middle, no handler of its signals runs (and marks again), no SIGXFSZ of ours reaches it, and errno
 * stays what it was.
 */
#ifndef PYCARBON_QUIET_H
#define PYCARBON_QUIET_H

#include <signal.h>
#include <stdbool.h>

struct pc_quiet {
    sigset_t signals;
    int cancel_state, error;
    bool too_large; /* SIGXFSZ was pending before */
};

void pc_quiet_begin(struct pc_quiet *quiet);
void pc_quiet_end(const struct pc_quiet *quiet);

#endif
