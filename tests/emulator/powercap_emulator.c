/*
 * powercap_emulator: animates a Linux powercap (Intel RAPL) tree at a known power, for tests.
 *
 *     stdin: commands ──> one thread ──> ROOT/sys/class/powercap/ (see powercap_tree.h) ──> readers
 *                            │
 *                            ├──> ROOT/dev/cpu/, with --msr (see powercap_msr.h) ─────> readers
 *                            └──> stdout: a JSON line when live, one "ok ..." or "error ..." line
 *                                 per command, a JSON line when done
 *
 * All zones update together, at the times of powercap_schedule.h.
 *
 * Invariant: a file shows the true energy at the moment just before it is stored, not at the
 * moment that was due.  A late wake-up then makes an interval longer, as on hardware with more
 * jitter, and never an edge that is late for its value.  So a value read at time t is the true
 * energy of a time between t - (period + jitter span + lateness_max_us) and t.
 *
 * Cost: one wake-up per update and about 40 ns per zone; at 976 µs 2 to 4 % of a core in a virtual
 * machine, where a bare clock_nanosleep loop takes as much.
 *
 * Hazard: the parent-death signal is sent when the *thread* that started this process ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "powercap_options.h"
#include "powercap_schedule.h"
#include "powercap_tree.h"
#include "powercap_zones.h"

struct power_change {
    int64_t time_ns;
    const struct zone *zone;
    double power_w;
};

static struct {
    struct emulator_options options;
    struct machine machine;
    struct schedule schedule;
    struct powercap_tree tree;
    struct msr_bank bank;
    bool realtime;
    struct power_change *changes;
    size_t change_count;
} emulator;

static volatile sig_atomic_t stopping; /* written by the signal handler, read between waits */

static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

_Noreturn static void fail(const char *what, const char *why)
{
    fprintf(stderr, "powercap_emulator: %s: %s\n", what, why);
    exit(1);
}

static void update(void)
{
    const int64_t shown_ns = now_ns();
    machine_show(&emulator.machine, shown_ns);
    msr_show(&emulator.bank);
    /* Late is what a reader can see: up to the end of the stores, preemption between included. */
    schedule_done(&emulator.schedule, shown_ns, now_ns());
}

/* ---- commands --------------------------------------------------------------------------- */

static int apply_fault(const char *verb, struct zone_files *files, mode_t mode)
{
    if (strcmp(verb, "garbage") == 0)
        return zone_garbage(files);
    if (strcmp(verb, "empty") == 0)
        return zone_empty(files);
    if (strcmp(verb, "freeze") == 0)
        return zone_freeze(files);
    if (strcmp(verb, "remove") == 0)
        return zone_remove(&emulator.tree, files);
    if (strcmp(verb, "restore") == 0)
        return zone_restore(&emulator.tree, files);
    if (strcmp(verb, "mode") == 0)
        return zone_mode(files, mode);
    return -ENOSYS;
}

/* -EINVAL for what is no CPU. */
static int apply_msr_fault(const char *verb, const char *cpu_text)
{
    int (*const apply)(struct msr_bank *, unsigned) = strcmp(verb, "fail") == 0 ? msr_fail : msr_heal;
    char *end;
    const unsigned long cpu = strtoul(cpu_text, &end, 10);
    if (strcmp(cpu_text, "all") != 0)
        return *end != '\0' || cpu > MAX_CPUS ? -EINVAL : apply(&emulator.bank, (unsigned)cpu);
    int status = emulator.bank.cpu_count == 0 ? -ENODEV : 0;
    for (unsigned each = 0; status == 0 && each < emulator.bank.cpu_count; each++)
        status = apply(&emulator.bank, each);
    return status;
}

/* Answers "ok TIME_NS" and, exact from that time on, "ZONE=POWER_W" for every zone that changed. */
static void command_power(const char *value)
{
    struct machine *machine = &emulator.machine;
    double before_w[MAX_ZONES];
    for (size_t i = 0; i < machine->zone_count; i++)
        before_w[i] = machine->zones[i].power_w;
    const int64_t time_ns = now_ns();
    machine_settle(machine, time_ns);
    struct power_change *grown = realloc(
        emulator.changes, (emulator.change_count + machine->zone_count) * sizeof *grown);
    if (grown != NULL)
        emulator.changes = grown;
    if (grown == NULL || machine_set(machine, value, ZONE_SETTING(power_w), 0) != 0) {
        printf("error power: %s\n", value);
        return;
    }
    printf("ok %lld", (long long)time_ns);
    for (size_t i = 0; i < machine->zone_count; i++) {
        const struct zone *zone = &machine->zones[i];
        if (zone->power_w == before_w[i])
            continue;
        emulator.changes[emulator.change_count++] =
            (struct power_change){time_ns, zone, zone->power_w};
        printf(" %s=%.17g", zone->files.id, zone->power_w);
    }
    putchar('\n');
}

static void command(const char *line)
{
    char verb[16] = "", first[256] = "", second[ZONE_ID_SIZE] = "", rest;
    const int words = sscanf(line, "%15s %255s %31s %c", verb, first, second, &rest);
    const bool is_mode = strcmp(verb, "mode") == 0;
    if (words == 1 && strcmp(verb, "quit") == 0) {
        stopping = 1;
        printf("ok %lld\n", (long long)now_ns());
        return;
    }
    if (words == 2 && strcmp(verb, "power") == 0) {
        command_power(first);
        return;
    }
    char *mode_end = first;
    const mode_t mode = is_mode ? (mode_t)strtoul(first, &mode_end, 8) & 07777 : 0;
    if (words != (is_mode ? 3 : 2) || (is_mode && *mode_end != '\0')) {
        printf("error not a command: %s\n", line);
        return;
    }
    const char *id = is_mode ? second : first;
    const bool of_msr = strcmp(verb, "fail") == 0 || strcmp(verb, "heal") == 0;
    int status = of_msr ? apply_msr_fault(verb, first) : -ENODEV;
    for (size_t i = 0; !of_msr && i < emulator.machine.zone_count; i++) {
        struct zone_files *files = &emulator.machine.zones[i].files;
        if (strcmp(id, "all") != 0 && strcmp(id, files->id) != 0)
            continue;
        status = apply_fault(verb, files, mode);
        if (status != 0)
            break;
    }
    if (status == 0)
        printf("ok %lld\n", (long long)now_ns());
    else
        printf("error %s: %s\n", line, strerror(-status));
}

/* Reads what has come on stdin and obeys every whole line; its end is the end of the emulator. */
static void read_commands(void)
{
    static char pending[4096];
    static size_t size;
    const ssize_t got = read(STDIN_FILENO, pending + size, sizeof pending - 1 - size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        stopping = 1;
        return;
    }
    size += (size_t)got;
    pending[size] = '\0';
    char *line = pending;
    for (char *end; !stopping && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        command(line);
    }
    size = strlen(line);
    memmove(pending, line, size);
    if (size == sizeof pending - 1)
        size = 0; /* no command is that long; its tail will be answered as an error */
    fflush(stdout);
}

/* ---- reports ---------------------------------------------------------------------------- */

static void report_registers(void)
{
    static const char *const names[] = {[MSR_INTEL] = "intel", [MSR_AMD] = "amd"};
    const struct msr_bank *bank = &emulator.bank;
    if (bank->vendor == MSR_NONE) {
        printf("null");
        return;
    }
    printf("{\"vendor\": \"%s\", \"unit_number\": %u, \"start\": %u, \"cpus\": %u, \"counters\": [",
           names[bank->vendor], bank->unit_number, bank->start, bank->cpu_count);
    for (size_t i = 0; i < bank->counter_count; i++)
        printf("%s{\"zone\": \"%s\", \"cpu\": %u, \"number\": %u, \"unit_uj\": %.17g}",
               i == 0 ? "" : ", ", bank->counters[i].zone->files.id, bank->counters[i].cpu,
               bank->counters[i].number, bank->counters[i].unit_uj);
    printf("]}");
}

static void report_live(void)
{
    const struct machine *machine = &emulator.machine;
    const struct schedule *schedule = &emulator.schedule;
    const char *root = emulator.options.root;
    printf("{\"t0_ns\": %lld, \"pid\": %d, \"period_us\": %.17g, \"jitter_us\": %.17g, "
           "\"jitter\": \"gaussian\", \"seed\": %llu, \"wave\": {\"low_factor\": %.17g, "
           "\"high_factor\": %.17g, \"period_ns\": %lld}, \"zones\": [",
           (long long)machine->t0_ns, (int)getpid(), schedule->period_us, schedule->jitter_us,
           (unsigned long long)schedule->seed, machine->waveform.low_factor,
           machine->waveform.high_factor, (long long)machine->waveform.period_ns);
    for (size_t i = 0; i < machine->zone_count; i++) {
        const struct zone *zone = &machine->zones[i], *origin = zone_origin(zone);
        printf("%s{\"zone\": \"%s\", \"path\": \"%s/sys/class/powercap/%s\", \"name\": \"%s\", "
               "\"kind\": \"%s\", \"mirrors\": ",
               i == 0 ? "" : ", ", zone->files.id, root, zone->files.id, zone->name,
               zone_kind_names[zone->kind]);
        printf(zone->twin != NULL ? "\"%s\"" : "null", origin->files.id);
        printf(", \"power_w\": %.17g, \"unit_uj\": %.17g, \"start_uj\": %.17g, "
               "\"max_energy_range_uj\": %llu}",
               origin->power_w, origin->unit_uj, origin->changed_uj,
               (unsigned long long)origin->max_energy_range_uj);
    }
    printf("], \"msr\": ");
    report_registers();
    puts("}");
    fflush(stdout);
}

static void report_done(int64_t ended_ns)
{
    const struct machine *machine = &emulator.machine;
    const struct schedule *schedule = &emulator.schedule;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"ended_ns\": %lld, \"updates\": %llu, \"skipped\": %llu, \"lateness_max_us\": %.3f, "
           "\"lateness_p99_us\": %.3f, \"realtime\": %s, \"cpu_s\": %.6f, \"wall_s\": %.6f, "
           "\"wraps\": {",
           (long long)ended_ns, (unsigned long long)schedule->updates,
           (unsigned long long)schedule->skipped, (double)schedule->lateness_max_ns / 1000,
           schedule_lateness_p99_us(schedule), emulator.realtime ? "true" : "false", cpu_s,
           (double)(ended_ns - machine->t0_ns) / 1e9);
    for (size_t i = 0; i < machine->zone_count; i++)
        printf("%s\"%s\": %llu", i == 0 ? "" : ", ", machine->zones[i].files.id,
               (unsigned long long)machine->zones[i].wraps);
    printf("}, \"power_changes\": [");
    for (size_t i = 0; i < emulator.change_count; i++)
        printf("%s{\"time_ns\": %lld, \"zone\": \"%s\", \"power_w\": %.17g}", i == 0 ? "" : ", ",
               (long long)emulator.changes[i].time_ns, emulator.changes[i].zone->files.id,
               emulator.changes[i].power_w);
    puts("]}");
    fflush(stdout);
}

/* ---- life ------------------------------------------------------------------------------- */

static int build_tree(void)
{
    struct machine *machine = &emulator.machine;
    struct powercap_tree *tree = &emulator.tree;
    int status = tree_add_control_type(tree, "intel-rapl");
    for (size_t i = 0; status == 0 && i < machine->zone_count; i++) {
        struct zone *zone = &machine->zones[i];
        if (zone->kind == MMIO && zone[-1].kind != MMIO)
            status = tree_add_control_type(tree, "intel-rapl-mmio");
        /* The kernel enables what can be limited by default: most machines have 0 for the rest,
           and count all the same. */
        const bool enabled = zone->kind == PACKAGE || zone->kind == PSYS || zone->kind == MMIO;
        if (status == 0)
            status = tree_add_zone(tree, &zone->files, zone->name, enabled,
                                   (uint64_t)zone_origin(zone)->max_energy_range_uj);
    }
    return status != 0 ? status : msr_create(&emulator.bank, machine, emulator.options.root);
}

static void run_until_stopped(const sigset_t *while_waiting)
{
    const int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer_fd < 0)
        fail("timerfd_create", strerror(errno));
    const double for_s = emulator.options.for_s;
    const int64_t end_ns = for_s > 0 ? emulator.machine.t0_ns + (int64_t)(for_s * 1e9) : INT64_MAX;
    int64_t armed_ns = 0;
    while (!stopping) {
        const int64_t due_ns = emulator.schedule.due_ns;
        const int64_t wake_ns = due_ns < end_ns ? due_ns : end_ns;
        if (armed_ns != wake_ns) {
            /* A timerfd, unlike the timeout of poll, has no slack. */
            struct itimerspec timer = {.it_value = {wake_ns / 1000000000, wake_ns % 1000000000}};
            timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
            armed_ns = wake_ns;
        }
        struct pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {timer_fd, POLLIN, 0}};
        if (ppoll(sources, 2, NULL, while_waiting) < 0)
            continue; /* a signal: look at `stopping` */
        if (sources[1].revents != 0 && wake_ns == end_ns)
            stopping = 1;
        else if (sources[1].revents != 0)
            update();
        if (sources[0].revents != 0)
            read_commands();
    }
    close(timer_fd);
}

int main(int argc, char **argv)
{
    options_parse(&emulator.options, &emulator.machine, &emulator.schedule, &emulator.bank, argc, argv);
    const bool with_dev = emulator.bank.vendor != MSR_NONE;

    /* Signals arrive only while waiting, so that an update or an answer is never cut short. */
    sigset_t blocked, while_waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    sigdelset(&while_waiting, SIGTERM);
    sigdelset(&while_waiting, SIGINT);
    const struct sigaction on_stop = {.sa_handler = stop}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &on_stop, NULL);
    sigaction(SIGINT, &on_stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a parent that went must still find its tree cleaned */
    prctl(PR_SET_PDEATHSIG, SIGTERM);

    /* Hardware is never kept waiting by the program that it measures; where this is not allowed
       the lateness shows it. */
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    emulator.realtime = sched_setscheduler(0, SCHED_FIFO, &least) == 0;

    int status = tree_create(&emulator.tree, emulator.options.root, with_dev);
    if (status != 0)
        fail(emulator.options.root,
             status == -EEXIST ? "its sys, dev or removed is already there" : strerror(-status));
    status = build_tree();
    if (status == 0) {
        emulator.machine.t0_ns = now_ns();
        machine_show(&emulator.machine, emulator.machine.t0_ns);
        msr_show(&emulator.bank);
        schedule_start(&emulator.schedule, emulator.machine.t0_ns);
        report_live();
        run_until_stopped(&while_waiting);
        const int64_t ended_ns = now_ns();
        schedule_end(&emulator.schedule, ended_ns);
        report_done(ended_ns);
    }
    if (emulator.options.clean || status != 0)
        tree_delete(emulator.options.root, with_dev);
    free(emulator.changes);
    if (status != 0)
        fail(emulator.options.root, strerror(-status));
    return 0;
}
