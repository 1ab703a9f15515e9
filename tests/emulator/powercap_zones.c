/* powercap_zones: which zones an emulated machine has, and their true energy (see the header). */
#define _GNU_SOURCE
#include "powercap_zones.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const zone_kind_names[KIND_COUNT] = {"package", "core", "uncore",
                                                 "dram",    "psys", "mmio"};

static struct zone *add_zone(struct machine *machine, enum zone_kind kind)
{
    /* Those of a client machine; the range is the kernel's for 32 bits of this unit. */
    static const double power_w[KIND_COUNT] = {50, 30, 5, 8, 70, 0};
    struct zone *zone = &machine->zones[machine->zone_count++];
    zone->kind = kind;
    zone->power_w = power_w[kind];
    zone->unit_uj = 61.035;
    zone->max_energy_range_uj = 262143328850;
    snprintf(zone->files.parent, sizeof zone->files.parent, "%s",
             kind == MMIO ? "intel-rapl-mmio" : "intel-rapl");
    return zone;
}

void machine_lay_out(struct machine *machine, unsigned packages, const bool kinds[KIND_COUNT])
{
    struct zone *package_zones[MAX_PACKAGES];
    for (unsigned package = 0; package < packages; package++) {
        struct zone *zone = package_zones[package] = add_zone(machine, PACKAGE);
        snprintf(zone->files.id, ZONE_ID_SIZE, "intel-rapl:%u", package);
        snprintf(zone->name, sizeof zone->name, "package-%u", package);
        unsigned child = 0;
        for (enum zone_kind kind = CORE; kind <= DRAM; kind++) {
            if (!kinds[kind])
                continue;
            zone = add_zone(machine, kind);
            snprintf(zone->files.id, ZONE_ID_SIZE, "intel-rapl:%u:%u", package, child++);
            snprintf(zone->files.parent, ZONE_ID_SIZE, "intel-rapl:%u", package);
            snprintf(zone->name, sizeof zone->name, "%s", zone_kind_names[kind]);
        }
    }
    if (kinds[PSYS]) {
        struct zone *zone = add_zone(machine, PSYS);
        snprintf(zone->files.id, ZONE_ID_SIZE, "intel-rapl:%u", packages);
        snprintf(zone->name, sizeof zone->name, "psys");
    }
    for (unsigned package = 0; kinds[MMIO] && package < packages; package++) {
        struct zone *zone = add_zone(machine, MMIO);
        zone->twin = package_zones[package];
        snprintf(zone->files.id, ZONE_ID_SIZE, "intel-rapl-mmio:%u", package);
        memcpy(zone->name, zone->twin->name, sizeof zone->name);
    }
}

struct zone *machine_find(struct machine *machine, const char *id)
{
    for (size_t i = 0; i < machine->zone_count; i++)
        if (strcmp(machine->zones[i].files.id, id) == 0)
            return &machine->zones[i];
    return NULL;
}

const struct zone *zone_origin(const struct zone *zone)
{
    return zone->twin != NULL ? zone->twin : zone;
}

/* Sets the zones that `key` names (NULL: all); false when it names none. */
static bool set_key(struct machine *machine, const char *key, size_t setting, double value)
{
    bool found = false;
    for (size_t i = 0; i < machine->zone_count; i++) {
        struct zone *zone = &machine->zones[i];
        if (zone->twin != NULL || (key != NULL && strcmp(key, zone->files.id) != 0 &&
                                   strcmp(key, zone_kind_names[zone->kind]) != 0))
            continue;
        memcpy((char *)zone + setting, &value, sizeof value);
        found = true;
    }
    /* A kind that this machine lacks is no mistake: one power table serves many layouts. */
    for (size_t kind = 0; key != NULL && kind < MMIO; kind++)
        found = found || strcmp(key, zone_kind_names[kind]) == 0;
    return found;
}

int machine_set(struct machine *machine, const char *text, size_t setting, double least)
{
    double before[MAX_ZONES];
    for (size_t i = 0; i < machine->zone_count; i++)
        memcpy(&before[i], (char *)&machine->zones[i] + setting, sizeof before[i]);
    bool good = *text != '\0';
    while (good && *text != '\0') {
        char key[ZONE_ID_SIZE] = "";
        const size_t key_size = strcspn(text, "=,");
        const bool keyed = text[key_size] == '=';
        if (keyed && key_size < sizeof key) {
            memcpy(key, text, key_size);
            text += key_size + 1;
        }
        char *end;
        const double value = strtod(text, &end);
        good = end != text && (*end == ',' || *end == '\0') && value >= least && value < 1e16 &&
               set_key(machine, keyed ? key : NULL, setting, value);
        text = *end == ',' ? end + 1 : end;
    }
    for (size_t i = 0; !good && i < machine->zone_count; i++)
        memcpy((char *)&machine->zones[i] + setting, &before[i], sizeof before[i]);
    return good ? 0 : -EINVAL;
}

double waveform_integral_ns(const struct waveform *waveform, int64_t elapsed_ns)
{
    const int64_t half_ns = waveform->period_ns / 2;
    const int64_t periods = elapsed_ns / waveform->period_ns;
    const int64_t rest_ns = elapsed_ns % waveform->period_ns;
    const int64_t low_ns = periods * half_ns + (rest_ns < half_ns ? rest_ns : half_ns);
    return waveform->low_factor * (double)low_ns +
           waveform->high_factor * (double)(elapsed_ns - low_ns);
}

static double true_energy_uj(const struct zone *zone, double w_ns)
{
    return zone->changed_uj + zone->power_w * (w_ns - zone->changed_w_ns) / 1000; /* nJ to µJ */
}

void machine_settle(struct machine *machine, int64_t time_ns)
{
    const double w_ns = waveform_integral_ns(&machine->waveform, time_ns - machine->t0_ns);
    for (size_t i = 0; i < machine->zone_count; i++) {
        struct zone *zone = &machine->zones[i];
        zone->changed_uj = true_energy_uj(zone, w_ns);
        zone->changed_w_ns = w_ns;
    }
}

void machine_show(struct machine *machine, int64_t time_ns)
{
    const double w_ns = waveform_integral_ns(&machine->waveform, time_ns - machine->t0_ns);
    for (size_t i = 0; i < machine->zone_count; i++) {
        struct zone *zone = &machine->zones[i];
        const struct zone *origin = zone_origin(zone);
        zone->shown_uj = true_energy_uj(origin, w_ns);
        const double units = (double)(uint64_t)(zone->shown_uj / origin->unit_uj);
        const uint64_t total_uj = (uint64_t)(units * origin->unit_uj);
        const uint64_t modulus_uj = (uint64_t)origin->max_energy_range_uj + 1;
        const uint64_t wraps = total_uj / modulus_uj;
        if (w_ns <= 0)
            zone->start_wraps = wraps;
        zone->wraps = wraps - zone->start_wraps;
        zone_show(&zone->files, total_uj - wraps * modulus_uj);
    }
}
