/* sampler: see sampler.h. */
#include "sampler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "bounds.h"
#include "budget.h"
#include "turns.h"
#include "watch.h"

/* A look that was stalled (the process stopped, the machine suspended) was not expensive: look again soon. */
static const int64_t LONGEST_REST_NS = 10 * INT64_C(1000000000);

/* Counters wrap, and a phase is forgotten: at edges, look so often whatever it costs. */
static const int64_t LONGEST_WAIT_NS = 1000000000;

/* A stop waits so long at most for each counter to change once more. */
static const int64_t LONGEST_LAST_LOOK_NS = 3000000;

/* What is due so soon is not worth a sleep. */
static const int64_t SHORTEST_SLEEP_NS = 20000;

/* A read that takes so long was blocked, or the process was stopped in it: nobody looked meanwhile. */
static const int64_t LONGEST_READ_NS = 10000000;

/* A driver that does not answer must not keep the recorded program from ending. */
static const time_t LONGEST_JOIN_S = 5;

/* Far below where sums of deadlines overflow. */
static const int64_t LONGEST_PERIOD_NS = 86400 * INT64_C(1000000000);

struct pc_sampler {
    struct pc_sampler_settings settings;
    const struct pc_clock *cpu_clock; /* the thread's own; NULL without one: a look is charged by the time it takes */
    int64_t spent_ns;                 /* on looking so far */
    struct pc_watch watch;            /* the thread's, as are the next ones */
    int64_t deadline_ns;              /* of the next look */
    int64_t looked_ns;                /* end of the latest look */
    bool looked, planned;
    struct pc_budget budget;          /* at edges */

    pthread_t thread;
    bool running; /* the caller's */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* under mutex, as are the next ones */
    bool ready;
    struct pc_place_grant grant;
    _Atomic int64_t cpu_ns; /* writer: the thread, when it ends */
};

static int64_t now_ns(const struct pc_sampler *sampler)
{
    return sampler->settings.clock->now_ns(sampler->settings.clock);
}

/* Says why nobody looked for long, if that is so at `time_ns`. */
static void notice_gap(struct pc_sampler *sampler, int64_t time_ns)
{
    if (!sampler->looked)
        return;
    int64_t late_ns = time_ns - pc_most(sampler->deadline_ns, sampler->looked_ns);
    if (late_ns > sampler->settings.gap_ns)
        pc_watch_say(sampler->settings.ring, sampler->looked_ns, time_ns, pc_watch_cause(&sampler->watch, late_ns), 0);
}

/* Begins a round of looks: says what happened while nobody looked, and returns the time. */
static int64_t begin(struct pc_sampler *sampler)
{
    int64_t asleep_ns = pc_watch_asleep_ns(&sampler->watch);
    int64_t start_ns = now_ns(sampler);
    if (asleep_ns > 0 && sampler->looked) {
        pc_watch_say(sampler->settings.ring, sampler->looked_ns, start_ns, PC_GAP_SUSPENDED, asleep_ns);
        for (size_t i = 0; i < sampler->settings.channel_count; i++)
            sampler->settings.channels[i].counter.asleep_ns += asleep_ns;
    } else {
        notice_gap(sampler, start_ns);
    }
    pc_watch_refresh(&sampler->watch, start_ns);
    if (!sampler->looked)
        sampler->deadline_ns = start_ns;
    sampler->looked = true;
    return start_ns;
}

static int64_t look(struct pc_sampler *sampler, struct pc_channel *channel, int64_t start_ns)
{
    int64_t end_ns = pc_channel_read(channel, sampler->settings.ring, sampler->settings.clock, start_ns);
    int64_t took_ns = end_ns - start_ns;
    if (took_ns > pc_most(sampler->settings.gap_ns, LONGEST_READ_NS))
        pc_watch_say(sampler->settings.ring, start_ns, end_ns, pc_watch_cause(&sampler->watch, took_ns), 0);
    sampler->looked_ns = end_ns;
    return end_ns;
}

/* How long to pause so that a look that took so long takes its share of the time at most. */
static int64_t rest_after(int64_t look_ns, int64_t max_duty_ppm)
{
    double rest_ns = (double)look_ns * (1e6 / (double)max_duty_ppm - 1);
    return rest_ns < (double)LONGEST_REST_NS ? (int64_t)rest_ns : LONGEST_REST_NS;
}

/* ---- at a fixed rate */

static void sweep_all(struct pc_sampler *sampler)
{
    int64_t start_ns = begin(sampler);
    int64_t end_ns = start_ns;
    for (size_t i = 0; i < sampler->settings.channel_count; i++)
        end_ns = look(sampler, &sampler->settings.channels[i], end_ns);

    int64_t period_ns = sampler->settings.period_ns;
    int64_t earliest_ns = end_ns;
    if (sampler->settings.max_duty_ppm > 0)
        earliest_ns += rest_after(end_ns - start_ns, sampler->settings.max_duty_ppm);
    if (start_ns >= sampler->deadline_ns) /* a look before its time leaves the deadline where it is */
        sampler->deadline_ns += period_ns;
    if (sampler->deadline_ns < earliest_ns)
        sampler->deadline_ns += (earliest_ns - sampler->deadline_ns + period_ns - 1) / period_ns * period_ns;
}

/* ---- at edges */

static int64_t look_closely(struct pc_sampler *sampler, struct pc_channel *channel, int64_t start_ns)
{
    struct pc_phase *phase = &channel->phase;
    int64_t before_ns = channel->counter.started ? channel->good_ns : start_ns;
    bool started = channel->counter.started;
    int64_t end_ns = look(sampler, channel, start_ns);
    if (channel->every_ns > 0)
        phase->next_ns = end_ns + channel->every_ns;
    else if (channel->error != 0)
        pc_phase_failed(phase, end_ns);
    else
        pc_phase_read(phase, before_ns, start_ns, end_ns, channel->changed && started);
    return end_ns;
}

/* Reads once what is to be read between looks, and what is soon to be; returns the time. */
static int64_t glance(struct pc_sampler *sampler, int64_t time_ns)
{
    struct pc_channel *channels = sampler->settings.channels;
    for (size_t i = 0; i < sampler->settings.channel_count; i++) {
        struct pc_phase *phase = &channels[i].phase;
        if (pc_turns_glance_ns(&channels[i]) > time_ns + (int64_t)(phase->period_ns / 8))
            continue;
        phase->glance_ns = INT64_MAX;
        phase->glanced_ns = time_ns;
        if (phase->next_ns > time_ns + SHORTEST_SLEEP_NS) {
            time_ns = look(sampler, &channels[i], time_ns);
            if (channels[i].error != 0)
                pc_phase_failed(phase, time_ns);
        }
    }
    return time_ns;
}

/* Reads whatever is due until nothing is for a while; returns the time. */
static int64_t read_due(struct pc_sampler *sampler, int64_t time_ns)
{
    struct pc_channel *channels = sampler->settings.channels;
    size_t count = sampler->settings.channel_count;
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (channels[i].phase.next_ns > time_ns)
                continue;
            time_ns = look_closely(sampler, &channels[i], time_ns);
            more |= channels[i].phase.looking && channels[i].phase.next_ns <= time_ns + SHORTEST_SLEEP_NS;
        }
        if (more) {
            time_ns = now_ns(sampler);
            notice_gap(sampler, time_ns);
        }
    }
    return time_ns;
}

static void sweep_edges(struct pc_sampler *sampler)
{
    struct pc_channel *channels = sampler->settings.channels;
    size_t count = sampler->settings.channel_count;
    bool first = !sampler->looked;
    int64_t start_ns = begin(sampler), spent_ns = sampler->spent_ns, duty_ppm = sampler->settings.max_duty_ppm;
    int64_t time_ns = start_ns;

    if (first && sampler->cpu_clock == NULL)
        pc_budget_begin(&sampler->budget, time_ns, 0);
    for (size_t i = 0; first && i < count; i++)
        pc_phase_start(&channels[i].phase, time_ns, sampler->settings.max_duty_ppm == 0);
    time_ns = glance(sampler, time_ns);
    if (sampler->planned && !pc_turns_due(channels, count, time_ns)) {
        /* The plans stand; what the glance took is charged with the next look. */
        if (sampler->cpu_clock == NULL)
            sampler->spent_ns += time_ns - start_ns;
        sampler->deadline_ns = pc_least(pc_turns_next_ns(channels, count), time_ns + LONGEST_WAIT_NS);
        return;
    }
    time_ns = read_due(sampler, time_ns);
    sampler->spent_ns = sampler->cpu_clock != NULL ? sampler->cpu_clock->now_ns(sampler->cpu_clock)
                                                   : spent_ns + (time_ns - start_ns);
    int64_t not_before_ns = pc_budget_charge(&sampler->budget, time_ns, sampler->spent_ns);
    int64_t recovery_ns = 0;
    if (not_before_ns > time_ns)
        recovery_ns = pc_most(not_before_ns - time_ns, rest_after(sampler->spent_ns - spent_ns, duty_ppm));
    pc_turns_plan(channels, count, time_ns, not_before_ns, recovery_ns);
    sampler->planned = true;
    sampler->deadline_ns = pc_least(pc_turns_next_ns(channels, count), not_before_ns + LONGEST_WAIT_NS);
}

/* What is used just before the end shows in the edges that come just after it. */
static void look_once_more(struct pc_sampler *sampler)
{
    struct pc_channel *channels = sampler->settings.channels;
    size_t count = sampler->settings.channel_count;
    int64_t start_ns = now_ns(sampler), due_ns = 0;

    sampler->planned = false;
    for (size_t i = 0; i < count; i++)
        if (channels[i].every_ns == 0)
            pc_phase_plan(&channels[i].phase, start_ns, start_ns, start_ns);
    while (true) {
        due_ns = INT64_MAX;
        for (size_t i = 0; i < count; i++)
            if (channels[i].phase.state == PC_PHASE_FOLLOWING && channels[i].phase.closed_ns < start_ns)
                due_ns = pc_least(due_ns, channels[i].phase.next_ns);
        if (due_ns > start_ns + LONGEST_LAST_LOOK_NS)
            return;
        struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000), .tv_nsec = (long)(due_ns % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        sampler->deadline_ns = due_ns;
        read_due(sampler, begin(sampler));
    }
}

void pc_sampler_sweep(struct pc_sampler *sampler)
{
    if (sampler->settings.period_ns > 0)
        sweep_all(sampler);
    else
        sweep_edges(sampler);
}

int64_t pc_sampler_due_ns(const struct pc_sampler *sampler)
{
    return sampler->deadline_ns;
}

/* ---- the thread */

/* Sleeps until the next look is due; true when the sampler is to stop instead. */
static bool told_to_stop(struct pc_sampler *sampler)
{
    struct timespec deadline = {.tv_sec = (time_t)(sampler->deadline_ns / 1000000000),
                                .tv_nsec = (long)(sampler->deadline_ns % 1000000000)};
    pthread_mutex_lock(&sampler->mutex);
    int waited = 0;
    while (!sampler->stop && waited == 0)
        waited = pthread_cond_timedwait(&sampler->wake, &sampler->mutex, &deadline);
    bool stop = sampler->stop;
    pthread_mutex_unlock(&sampler->mutex);
    return stop;
}

/* Looks at everything once more, and says where it stands. */
static void finish(struct pc_sampler *sampler)
{
    int64_t time_ns = begin(sampler);
    for (size_t i = 0; i < sampler->settings.channel_count; i++)
        time_ns = look(sampler, &sampler->settings.channels[i], time_ns);
    for (size_t i = 0; i < sampler->settings.channel_count; i++)
        pc_channel_finish(&sampler->settings.channels[i], sampler->settings.ring, time_ns);
}

static void get_ready(struct pc_sampler *sampler)
{
    prctl(PR_SET_NAME, "pycarbon");
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* the default lets each wake-up come 50 us late */
    struct pc_place_grant grant = pc_place_take(&sampler->settings.place);
    pthread_mutex_lock(&sampler->mutex);
    sampler->grant = grant;
    sampler->ready = true;
    pthread_cond_broadcast(&sampler->wake);
    pthread_mutex_unlock(&sampler->mutex);
}

static void *run(void *argument)
{
    struct pc_sampler *sampler = argument;

    get_ready(sampler);
    pc_watch_start(&sampler->watch, sampler->settings.clock);
    sampler->cpu_clock = pc_clock_thread_cpu();
    sampler->spent_ns = sampler->cpu_clock->now_ns(sampler->cpu_clock);
    pc_budget_begin(&sampler->budget, now_ns(sampler), sampler->spent_ns);
    do
        pc_sampler_sweep(sampler);
    while (!told_to_stop(sampler));
    if (sampler->settings.period_ns == 0)
        look_once_more(sampler);
    finish(sampler);
    pc_watch_stop(&sampler->watch);
    atomic_store(&sampler->cpu_ns, sampler->cpu_clock->now_ns(sampler->cpu_clock));
    sampler->cpu_clock = NULL;
    return NULL;
}

int pc_sampler_create(struct pc_sampler **out, const struct pc_sampler_settings *settings)
{
    if (settings->period_ns < 0 || settings->period_ns > LONGEST_PERIOD_NS || settings->gap_ns <= 0)
        return -EINVAL;
    for (size_t i = 0; i < settings->channel_count; i++)
        if (settings->channels[i].every_ns < 0 || settings->channels[i].every_ns > LONGEST_PERIOD_NS)
            return -EINVAL;
    struct pc_sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL)
        return -ENOMEM;
    sampler->settings = *settings;
    pc_budget_start(&sampler->budget, settings->max_duty_ppm);
    sampler->watch = (struct pc_watch){.clock = settings->clock, .schedstat = -1};

    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&sampler->mutex, NULL);
    pthread_cond_init(&sampler->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = sampler;
    return 0;
}

int pc_sampler_start(struct pc_sampler *sampler)
{
    if (sampler->running)
        return -EALREADY;
    sampler->stop = sampler->ready = false;

    /* The measured program's signals are for its own threads. */
    sigset_t every, previous;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &previous);
    int error = pthread_create(&sampler->thread, NULL, run, sampler);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (error != 0)
        return -error;
    sampler->running = true;
    pthread_mutex_lock(&sampler->mutex);
    while (!sampler->ready)
        pthread_cond_wait(&sampler->wake, &sampler->mutex);
    pthread_mutex_unlock(&sampler->mutex);
    return 0;
}

struct pc_place_grant pc_sampler_granted(const struct pc_sampler *sampler)
{
    return sampler->grant; /* written before start returned, and not again */
}

int pc_sampler_stop(struct pc_sampler *sampler)
{
    if (!sampler->running)
        return -ESRCH;
    pthread_mutex_lock(&sampler->mutex);
    sampler->stop = true;
    pthread_cond_broadcast(&sampler->wake);
    pthread_mutex_unlock(&sampler->mutex);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LONGEST_JOIN_S;
    int error = pthread_timedjoin_np(sampler->thread, NULL, &until);
    if (error != 0)
        return -error;
    sampler->running = false;
    return 0;
}

int64_t pc_sampler_cpu_ns(struct pc_sampler *sampler)
{
    clockid_t clock;
    struct timespec used;
    if (!sampler->running || pthread_getcpuclockid(sampler->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return atomic_load(&sampler->cpu_ns);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

void pc_sampler_free(struct pc_sampler *sampler)
{
    if (sampler == NULL)
        return;
    pthread_cond_destroy(&sampler->wake);
    pthread_mutex_destroy(&sampler->mutex);
    free(sampler);
}
