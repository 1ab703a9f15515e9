/*
 * powercap_tree: the files of an emulated /sys/class/powercap, and what can go wrong with them.
 *
 * Layout.  Every zone is a real directory directly under ROOT/sys/class/powercap, so that the tree
 * works wherever it is bind-mounted; the kernel's nesting is there as relative links that never
 * leave that directory:
 *
 *     intel-rapl/            enabled, subsystem -> .., intel-rapl:0 -> ../intel-rapl:0
 *     intel-rapl:0/          name, energy_uj, max_energy_range_uj, enabled, subsystem -> ..,
 *                            device -> ../intel-rapl, intel-rapl:0:0 -> ../intel-rapl:0:0
 *     intel-rapl:0:0/        the same files, device -> ../intel-rapl:0
 *
 * Torn reads.  read() on tmpfs is not atomic against write(): a reader could see half of an old
 * and half of a new number.  So `energy_uj` always has 17 bytes, 16 digits padded with leading
 * spaces (int(), strtoull() and float() skip them) and a newline, and is stored through a shared
 * mapping as two aligned 8-byte atomic stores.  The low store holds 8 digits, so within each 100 J
 * of the counter only that half changes and no read can tear.  At a carry, once per 100 J, both
 * halves change: the high one is stored first, because a reader copies upwards too, which leaves a
 * window of a few ns (more only if the emulator is preempted exactly there).  A test that must not
 * meet even that takes a wrap range below 100 J.
 *
 * Hazards.
 * - sysfs answers ENODEV through a descriptor whose zone has gone.  tmpfs cannot: a reader that
 *   holds `energy_uj` open over `remove` keeps a file that stands still, also after `restore`,
 *   which makes a new file.
 * - Touching the mapping of a truncated file is SIGBUS: a faulted zone is never stored to.
 * - root reads a file of mode 0000; drop privileges to see the mode.
 *
 * One thread calls all of this.  Functions return 0 or -errno.
 */
#ifndef POWERCAP_TREE_H
#define POWERCAP_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { ZONE_ID_SIZE = 32 };

/* The files of one zone; powercap_tree.c alone writes the fields. */
struct zone_files {
    char id[ZONE_ID_SIZE];       /* directory: "intel-rapl:0:1" */
    char parent[ZONE_ID_SIZE];   /* directory it hangs under: "intel-rapl:0" or "intel-rapl" */
    int energy_fd;
    _Atomic uint64_t *digits;    /* the two halves of energy_uj */
    uint64_t latest_uj;          /* what a sound counter would show now, faulted or not */
    bool live;                   /* false: faulted, the file is left as it is */
    bool removed;
};

struct powercap_tree {
    int class_fd;                /* ROOT/sys/class/powercap */
    int removed_fd;              /* ROOT/removed: where removed zones wait */
};

/* Makes ROOT (if need be), an empty ROOT/sys and, if asked for, ROOT/dev; -EEXIST when one of
   them is already there. */
int tree_create(struct powercap_tree *tree, const char *root, bool with_dev);
/* Makes a control type such as "intel-rapl". */
int tree_add_control_type(const struct powercap_tree *tree, const char *id);
/* Makes a zone that shows energy 0; `files->id` and `files->parent` say which and where. */
int tree_add_zone(const struct powercap_tree *tree, struct zone_files *files, const char *name,
                  bool enabled, uint64_t max_energy_range_uj);
/* Deletes what tree_create() and later calls made, and ROOT itself if that leaves it empty. */
void tree_delete(const char *root, bool with_dev);

/* Shows a new energy, at most 16 digits; remembers it only while the zone is faulted. */
void zone_show(struct zone_files *files, uint64_t energy_uj);
/* Faults; each lasts until zone_restore(). */
int zone_garbage(struct zone_files *files);
int zone_empty(struct zone_files *files);
int zone_freeze(struct zone_files *files);
int zone_remove(const struct powercap_tree *tree, struct zone_files *files);
/* Sets the access mode of energy_uj. */
int zone_mode(struct zone_files *files, mode_t mode);
/* Undoes every fault and mode; the file then shows what a sound counter would. */
int zone_restore(const struct powercap_tree *tree, struct zone_files *files);

#endif
