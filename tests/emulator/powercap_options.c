/* powercap_options: the emulator's command line. */
#define _GNU_SOURCE
#include "powercap_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: powercap_emulator ROOT [options]\n"
    "Animates ROOT/sys/class/powercap at a known power until stdin closes, a SIGTERM comes or the\n"
    "parent dies.  Keep ROOT on tmpfs. A VALUE is a number for all zones, or KIND=NUMBER,... with\n"
    "package, core, uncore, dram, psys or a zone such as intel-rapl:0:1 as the KIND.\n"
    "\n"
    "  --packages N        sockets, 1 to 8 (1)\n"
    "  --zones KIND,...    zones beside package: core,uncore,dram,psys,mmio (core,dram,psys,mmio)\n"
    "  --power-w VALUE     power in W (package=50,core=30,uncore=5,dram=8,psys=70)\n"
    "  --wave WAVE         constant, or square:LOW_FACTOR:HIGH_FACTOR:PERIOD_MS (constant)\n"
    "  --period-us N       time between updates (976)\n"
    "  --jitter-us N       standard deviation of the update time, Gaussian (0)\n"
    "  --seed N            of the jitter (1)\n"
    "  --unit-uj VALUE     energy quantum (61.035)\n"
    "  --wrap-uj VALUE     max_energy_range_uj (262143328850)\n"
    "  --start-uj VALUE    energy at the start (0)\n"
    "  --msr VENDOR        also registers under ROOT/dev/cpu, see powercap_msr.h: intel or amd (none)\n"
    "  --msr-start N       what a register shows of no energy; it wraps at 4294967295 (0)\n"
    "  --for-s SECONDS     end after this time (never)\n"
    "  --clean             delete the tree, and ROOT if that leaves it empty, at the end\n"
    "\n"
    "commands on stdin, ZONE may be `all`:\n"
    "  garbage|empty|freeze|remove|restore ZONE    mode OCTAL ZONE    power VALUE    quit\n"
    "  fail|heal CPU                               of --msr, CPU may be `all`\n"
    "\n"
    "example: sleep 60 | powercap_emulator /dev/shm/rapl --power-w package=80 --clean\n";

_Noreturn static void refuse(const char *what, const char *which)
{
    fprintf(stderr, "powercap_emulator: %s: %s is not a value it takes; see --help\n", what, which);
    exit(2);
}

static double parse_number(const char *option, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        refuse(option, text);
    return value;
}

static void parse_kinds(const char *text, bool kinds[KIND_COUNT])
{
    memset(kinds, 0, KIND_COUNT * sizeof *kinds);
    for (const char *at = text; *at != '\0';) {
        const size_t size = strcspn(at, ",");
        size_t kind = 0;
        while (kind < KIND_COUNT && (strncmp(zone_kind_names[kind], at, size) != 0 ||
                                     zone_kind_names[kind][size] != '\0'))
            kind++;
        if (kind == KIND_COUNT)
            refuse("--zones", text);
        kinds[kind] = true;
        at += size + (at[size] == ',');
    }
}

static struct waveform parse_wave(const char *text)
{
    struct waveform waveform = {1, 1, 1000000000};
    double period_ms;
    char rest;
    if (strcmp(text, "constant") == 0)
        return waveform;
    if (sscanf(text, "square:%lf:%lf:%lf%c", &waveform.low_factor, &waveform.high_factor,
               &period_ms, &rest) != 3 ||
        !(waveform.low_factor >= 0 && waveform.high_factor >= 0) ||
        !(period_ms >= 0.001 && period_ms <= 1e9))
        refuse("--wave", text);
    waveform.period_ns = (int64_t)(period_ms * 1e6);
    return waveform;
}

static enum msr_vendor parse_vendor(const char *text)
{
    if (strcmp(text, "intel") != 0 && strcmp(text, "amd") != 0)
        refuse("--msr", text);
    return strcmp(text, "intel") == 0 ? MSR_INTEL : MSR_AMD;
}

void options_parse(struct emulator_options *options, struct machine *machine,
                   struct schedule *schedule, struct msr_bank *bank, int argc, char **argv)
{
    enum {
        PACKAGES, ZONES, POWER, WAVE, PERIOD, JITTER, SEED, UNIT, WRAP, START, MSR, MSR_START, FOR,
        CLEAN, HELP
    };
    static const struct option known[] = {
        {"packages", 1, NULL, PACKAGES},   {"zones", 1, NULL, ZONES},
        {"power-w", 1, NULL, POWER},       {"wave", 1, NULL, WAVE},
        {"period-us", 1, NULL, PERIOD},    {"jitter-us", 1, NULL, JITTER},
        {"seed", 1, NULL, SEED},           {"unit-uj", 1, NULL, UNIT},
        {"wrap-uj", 1, NULL, WRAP},        {"start-uj", 1, NULL, START},
        {"msr", 1, NULL, MSR},             {"msr-start", 1, NULL, MSR_START},
        {"for-s", 1, NULL, FOR},           {"clean", 0, NULL, CLEAN},
        {"help", 0, NULL, HELP},           {NULL, 0, NULL, 0},
    };
    /* Settings of zones wait here until the zones are laid out. */
    static struct {
        const char *option;
        size_t setting;
        double least;
        const char *text;
    } settings[] = {
        [POWER] = {"--power-w", ZONE_SETTING(power_w), 0, NULL},
        [UNIT] = {"--unit-uj", ZONE_SETTING(unit_uj), 1e-3, NULL},
        [WRAP] = {"--wrap-uj", ZONE_SETTING(max_energy_range_uj), 1, NULL},
        [START] = {"--start-uj", ZONE_SETTING(changed_uj), 0, NULL},
    };
    bool kinds[KIND_COUNT];
    unsigned packages = 1;
    parse_kinds("core,dram,psys,mmio", kinds);
    machine->waveform = parse_wave("constant");
    schedule->period_us = 976;
    schedule->seed = 1;
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (which) {
        case PACKAGES: packages = (unsigned)parse_number("--packages", optarg, 1, 8); break;
        case ZONES: parse_kinds(optarg, kinds); break;
        case WAVE: machine->waveform = parse_wave(optarg); break;
        case PERIOD: schedule->period_us = parse_number("--period-us", optarg, 10, 1e8); break;
        case JITTER: schedule->jitter_us = parse_number("--jitter-us", optarg, 0, 1e8); break;
        case SEED: schedule->seed = (uint64_t)parse_number("--seed", optarg, 0, 9e15); break;
        case MSR: bank->vendor = parse_vendor(optarg); break;
        case MSR_START:
            bank->start = (uint32_t)parse_number("--msr-start", optarg, 0, UINT32_MAX);
            break;
        case FOR: options->for_s = parse_number("--for-s", optarg, 1e-3, 1e8); break;
        case CLEAN: options->clean = true; break;
        case POWER: case UNIT: case WRAP: case START: settings[which].text = optarg; break;
        case HELP: fputs(help, stdout); exit(0);
        default: exit(2); /* getopt has said why */
        }
    }
    if (argc - optind != 1) {
        fputs(help, stderr);
        exit(2);
    }
    options->root = argv[optind];
    for (const char *at = options->root; *at != '\0'; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            refuse("ROOT", options->root);
    machine_lay_out(machine, packages, kinds);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].text != NULL && machine_set(machine, settings[i].text,
                                                    settings[i].setting, settings[i].least) != 0)
            refuse(settings[i].option, settings[i].text);
}
