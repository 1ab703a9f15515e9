/*
 * powercap_zones: which zones an emulated machine has, and the energy each has truly used.
 *
 * The truth is an analytic function of CLOCK_MONOTONIC:
 *
 *     E(t) = energy at the last change of power + power_w * (W(t) - W(time of that change))
 *
 * where W is the integral of the waveform from t0: 1 for constant power, or a square wave of two
 * factors that starts low at t0 and keeps its phase when the power changes.
 *
 * What a counter shows of it is floor(E / unit) * unit, whole µJ, modulo max_energy_range_uj + 1.
 */
#ifndef POWERCAP_ZONES_H
#define POWERCAP_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "powercap_tree.h"

enum zone_kind { PACKAGE, CORE, UNCORE, DRAM, PSYS, MMIO, KIND_COUNT };
extern const char *const zone_kind_names[KIND_COUNT];

enum { MAX_PACKAGES = 8, MAX_ZONES = MAX_PACKAGES * 5 + 1 };

struct waveform {
    double low_factor, high_factor;
    int64_t period_ns;           /* half of it low, half of it high */
};

struct zone {
    enum zone_kind kind;
    const struct zone *twin;     /* an mmio zone repeats this package, without energy of its own */
    char name[24];
    double power_w;
    double unit_uj;
    double max_energy_range_uj;  /* whole numbers only */
    double changed_uj;           /* true energy at the last change of power ... */
    double changed_w_ns;         /* ... and W at that time */
    double shown_uj;             /* true energy at the latest machine_show() */
    uint64_t start_wraps, wraps; /* wraps already in the start value, and since */
    struct zone_files files;
};

struct machine {
    struct waveform waveform;
    int64_t t0_ns;
    size_t zone_count;
    struct zone zones[MAX_ZONES];
};

/* A setting of a zone, by its offset. */
#define ZONE_SETTING(field) offsetof(struct zone, field)

/* Lays out the zones of `packages` packages; `kinds` says which exist.  Files are made later. */
void machine_lay_out(struct machine *machine, unsigned packages, const bool kinds[KIND_COUNT]);
/* The zone with this id ("intel-rapl:0:1"), or NULL. */
struct zone *machine_find(struct machine *machine, const char *id);
/* "50" sets every zone; "package=50,intel-rapl:0:1=8" those of a kind or one zone.  -EINVAL, and
   nothing set, when a key names no kind or zone, or a value is below `least`. */
int machine_set(struct machine *machine, const char *text, size_t setting, double least);
/* The zone whose energy `zone` shows: itself, or its twin. */
const struct zone *zone_origin(const struct zone *zone);
/* W(t), in ns. */
double waveform_integral_ns(const struct waveform *waveform, int64_t elapsed_ns);
/* Lets every zone's power be changed from `time_ns` on. */
void machine_settle(struct machine *machine, int64_t time_ns);
/* Shows the true energy at `time_ns` in every zone. */
void machine_show(struct machine *machine, int64_t time_ns);

#endif
