/* quiet: see quiet.h. */
#include "quiet.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static bool is_too_large_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
}

void pc_quiet_begin(struct pc_quiet *quiet)
{
    quiet->error = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &quiet->cancel_state);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &quiet->signals);
    quiet->too_large = is_too_large_pending();
}

void pc_quiet_end(const struct pc_quiet *quiet)
{
    if (!quiet->too_large && is_too_large_pending()) { /* a file of ours grew beyond RLIMIT_FSIZE */
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGXFSZ);
        sigtimedwait(&one, NULL, &(const struct timespec){0});
    }
    pthread_sigmask(SIG_SETMASK, &quiet->signals, NULL);
    int ours;
    pthread_setcancelstate(quiet->cancel_state, &ours);
    errno = quiet->error;
}
