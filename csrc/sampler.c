/* sampler: see sampler.h. */
#include "sampler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

/* A look that was stalled (the process stopped, the machine suspended) was not expensive: look again soon. */
static const int64_t LONGEST_REST_NS = 10 * INT64_C(1000000000);

/* Far below where sums of deadlines overflow. */
static const int64_t LONGEST_PERIOD_NS = 86400 * INT64_C(1000000000);

struct pc_sampler {
    struct pc_sampler_settings settings;
    int64_t deadline_ns; /* of the next look; the thread's */
    int64_t looked_ns;   /* end of the latest look; the thread's */
    bool looked;

    pthread_t thread;
    bool running; /* the caller's */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop; /* under mutex */
    _Atomic int64_t cpu_ns; /* writer: the thread, when it ends */
};

static int64_t now_ns(const struct pc_sampler *sampler)
{
    return sampler->settings.clock->now_ns(sampler->settings.clock);
}

static void push(struct pc_sampler *sampler, struct pc_edge edge)
{
    (void)pc_ring_push(sampler->settings.ring, &edge); /* a full ring counts what it drops */
}

static uint16_t flags_of(enum pc_counter_step step)
{
    switch (step) {
    case PC_COUNTER_FIRST:
        return PC_EDGE_FIRST;
    case PC_COUNTER_CORRECTED:
        return PC_EDGE_WRAPPED;
    case PC_COUNTER_RESET:
        return PC_EDGE_RESET;
    case PC_COUNTER_SAME:
    case PC_COUNTER_DIFFERENCE:
        break;
    }
    return 0;
}

/* Reads one channel between two times and pushes what is new. */
static int64_t look(struct pc_sampler *sampler, struct pc_channel *channel, int64_t start_ns)
{
    uint64_t raw, difference;
    int error = channel->source->read(channel->source, channel->index, &raw);
    int64_t end_ns = now_ns(sampler);
    int before = channel->error;
    channel->error = error;

    if (error != 0) {
        if (before == 0)
            push(sampler, (struct pc_edge){.t_before_ns = channel->counter.started ? channel->good_ns : start_ns,
                                           .t_seen_ns = end_ns,
                                           .raw = channel->counter.last,
                                           .channel = channel->id,
                                           .flags = PC_EDGE_LOST,
                                           .error = -error});
        return end_ns;
    }

    bool first = !channel->counter.started;
    enum pc_counter_step step = pc_counter_update(&channel->counter, raw, end_ns, &difference);
    if (step != PC_COUNTER_SAME || before != 0)
        push(sampler, (struct pc_edge){.t_before_ns = first ? start_ns : channel->good_ns,
                                       .t_seen_ns = end_ns,
                                       .raw = raw,
                                       .channel = channel->id,
                                       .flags = (uint16_t)(flags_of(step) | (before != 0 ? PC_EDGE_FOUND : 0))});
    channel->good_ns = start_ns;
    return end_ns;
}

/* How long to pause so that a look that took so long takes its share of the time at most. */
static int64_t rest_after(int64_t look_ns, int64_t max_duty_ppm)
{
    double rest_ns = (double)look_ns * (1e6 / (double)max_duty_ppm - 1);
    return rest_ns < (double)LONGEST_REST_NS ? (int64_t)rest_ns : LONGEST_REST_NS;
}

void pc_sampler_sweep(struct pc_sampler *sampler)
{
    int64_t start_ns = now_ns(sampler);
    int64_t end_ns = start_ns;

    if (sampler->looked && start_ns - sampler->deadline_ns > sampler->settings.gap_ns)
        push(sampler, (struct pc_edge){.t_before_ns = sampler->looked_ns,
                                       .t_seen_ns = start_ns,
                                       .channel = PC_EDGE_ALL,
                                       .flags = PC_EDGE_GAP});
    if (!sampler->looked)
        sampler->deadline_ns = start_ns;
    sampler->looked = true;

    for (size_t i = 0; i < sampler->settings.channel_count; i++)
        end_ns = look(sampler, &sampler->settings.channels[i], end_ns);
    sampler->looked_ns = end_ns;

    int64_t period_ns = sampler->settings.period_ns;
    int64_t earliest_ns = end_ns;
    if (sampler->settings.max_duty_ppm > 0)
        earliest_ns += rest_after(end_ns - start_ns, sampler->settings.max_duty_ppm);
    if (start_ns >= sampler->deadline_ns) /* a look before its time leaves the deadline where it is */
        sampler->deadline_ns += period_ns;
    if (sampler->deadline_ns < earliest_ns)
        sampler->deadline_ns += (earliest_ns - sampler->deadline_ns + period_ns - 1) / period_ns * period_ns;
}

static void say_where_counters_stand(struct pc_sampler *sampler)
{
    for (size_t i = 0; i < sampler->settings.channel_count; i++) {
        const struct pc_channel *channel = &sampler->settings.channels[i];
        if (channel->counter.started && channel->error == 0)
            push(sampler, (struct pc_edge){.t_before_ns = channel->good_ns,
                                           .t_seen_ns = sampler->looked_ns,
                                           .raw = channel->counter.last,
                                           .channel = channel->id,
                                           .flags = PC_EDGE_LAST});
    }
}

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

static int64_t thread_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void *run(void *argument)
{
    struct pc_sampler *sampler = argument;

    prctl(PR_SET_NAME, "pycarbon");
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* the default lets each wake-up come 50 us late */
    do
        pc_sampler_sweep(sampler);
    while (!told_to_stop(sampler));
    pc_sampler_sweep(sampler);
    say_where_counters_stand(sampler);
    atomic_store(&sampler->cpu_ns, thread_cpu_ns());
    return NULL;
}

int pc_sampler_create(struct pc_sampler **out, const struct pc_sampler_settings *settings)
{
    if (settings->period_ns <= 0 || settings->period_ns > LONGEST_PERIOD_NS || settings->gap_ns <= 0)
        return -EINVAL;
    struct pc_sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL)
        return -ENOMEM;
    sampler->settings = *settings;

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
    sampler->stop = false;

    /* The measured program's signals are for its own threads. */
    sigset_t every, previous;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &previous);
    int error = pthread_create(&sampler->thread, NULL, run, sampler);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    sampler->running = error == 0;
    return -error;
}

int pc_sampler_stop(struct pc_sampler *sampler)
{
    if (!sampler->running)
        return -ESRCH;
    pthread_mutex_lock(&sampler->mutex);
    sampler->stop = true;
    pthread_cond_signal(&sampler->wake);
    pthread_mutex_unlock(&sampler->mutex);
    pthread_join(sampler->thread, NULL);
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
