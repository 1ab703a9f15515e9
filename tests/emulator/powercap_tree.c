/* powercap_tree: the files of an emulated /sys/class/powercap (see the header). */
#define _GNU_SOURCE
#include "powercap_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 16, ENERGY_SIZE = DIGITS + 1, SOUND_MODE = 0444, DIRECTORY_MODE = 0755 };

_Static_assert(sizeof(_Atomic uint64_t) == 8, "a half of energy_uj is one plain 8-byte store");

/* Both halves, as they lie in the file. */
struct halves {
    uint64_t high, low;
};

static struct halves format_energy(uint64_t energy_uj)
{
    char text[DIGITS];
    memset(text, ' ', sizeof text);
    int at = DIGITS;
    do {
        text[--at] = (char)('0' + energy_uj % 10);
        energy_uj /= 10;
    } while (energy_uj != 0 && at > 0);
    struct halves halves;
    memcpy(&halves, text, sizeof halves);
    return halves;
}

static int write_all(int fd, const void *bytes, size_t size)
{
    const ssize_t written = pwrite(fd, bytes, size, 0);
    if (written < 0)
        return -errno;
    return (size_t)written == size ? 0 : -ENOSPC;
}

static int write_file(int directory_fd, const char *name, const char *text)
{
    const int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, SOUND_MODE);
    if (fd < 0)
        return -errno;
    const int status = write_all(fd, text, strlen(text));
    close(fd);
    return status;
}

static int make_directory(int directory_fd, const char *name)
{
    if (mkdirat(directory_fd, name, DIRECTORY_MODE) != 0)
        return -errno;
    const int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tree_create(struct powercap_tree *tree, const char *root, bool with_dev)
{
    if (mkdir(root, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return -errno;
    const int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    int status = 0;
    /* sys first: that it was not there before makes it safe to delete the tree afterwards. */
    if (mkdirat(root_fd, "sys", DIRECTORY_MODE) != 0 ||
        mkdirat(root_fd, "sys/class", DIRECTORY_MODE) != 0)
        status = -errno;
    if (status == 0 && with_dev && mkdirat(root_fd, "dev", DIRECTORY_MODE) != 0)
        status = -errno;
    if (status == 0)
        status = tree->class_fd = make_directory(root_fd, "sys/class/powercap");
    if (status >= 0)
        status = tree->removed_fd = make_directory(root_fd, "removed");
    close(root_fd);
    return status < 0 ? status : 0;
}

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    remove(path); /* nothing better to do with a failure while leaving */
    return 0;
}

void tree_delete(const char *root, bool with_dev)
{
    static const char *const made[] = {"sys", "removed", "dev"};
    char path[4096];
    for (size_t i = 0; i < sizeof made / sizeof *made - !with_dev; i++)
        if (snprintf(path, sizeof path, "%s/%s", root, made[i]) < (int)sizeof path)
            nftw(path, delete_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(root);
}

int tree_add_control_type(const struct powercap_tree *tree, const char *id)
{
    const int fd = make_directory(tree->class_fd, id);
    if (fd < 0)
        return fd;
    int status = write_file(fd, "enabled", "1\n");
    if (status == 0 && symlinkat("..", fd, "subsystem") != 0)
        status = -errno;
    close(fd);
    return status;
}

/* Makes energy_uj afresh in a zone's directory and maps it. */
static int create_energy(int zone_fd, struct zone_files *files)
{
    const int fd = openat(zone_fd, "energy_uj", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SOUND_MODE);
    if (fd < 0)
        return -errno;
    char text[ENERGY_SIZE];
    const struct halves halves = format_energy(files->latest_uj);
    memcpy(text, &halves, sizeof halves);
    text[DIGITS] = '\n';
    int status = write_all(fd, text, sizeof text);
    void *mapping = MAP_FAILED;
    if (status == 0) {
        mapping = mmap(NULL, ENERGY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapping == MAP_FAILED)
            status = -errno;
    }
    if (status != 0) {
        close(fd);
        return status;
    }
    files->energy_fd = fd;
    files->digits = mapping;
    return 0;
}

/* The link PARENT/ID -> ../ID, by which a zone is found inside the one that it belongs to. */
static int link_from_parent(const struct powercap_tree *tree, const struct zone_files *files)
{
    char at[2 * ZONE_ID_SIZE], target[ZONE_ID_SIZE + 3];
    snprintf(at, sizeof at, "%s/%s", files->parent, files->id);
    snprintf(target, sizeof target, "../%s", files->id);
    return symlinkat(target, tree->class_fd, at) == 0 ? 0 : -errno;
}

int tree_add_zone(const struct powercap_tree *tree, struct zone_files *files, const char *name,
                  bool enabled, uint64_t max_energy_range_uj)
{
    char name_line[ZONE_ID_SIZE + 2], range_line[24], device[ZONE_ID_SIZE + 3];
    snprintf(name_line, sizeof name_line, "%s\n", name);
    snprintf(range_line, sizeof range_line, "%llu\n", (unsigned long long)max_energy_range_uj);
    snprintf(device, sizeof device, "../%s", files->parent);
    const int fd = make_directory(tree->class_fd, files->id);
    if (fd < 0)
        return fd;
    int status = write_file(fd, "name", name_line);
    if (status == 0)
        status = write_file(fd, "max_energy_range_uj", range_line);
    if (status == 0)
        status = write_file(fd, "enabled", enabled ? "1\n" : "0\n");
    if (status == 0)
        status = create_energy(fd, files);
    if (status == 0 &&
        (symlinkat("..", fd, "subsystem") != 0 || symlinkat(device, fd, "device") != 0))
        status = -errno;
    close(fd);
    files->live = true;
    return status != 0 ? status : link_from_parent(tree, files);
}

void zone_show(struct zone_files *files, uint64_t energy_uj)
{
    files->latest_uj = energy_uj;
    if (!files->live)
        return;
    const struct halves halves = format_energy(energy_uj);
    /* The partner is a reader's copy inside the kernel, which takes no lock and goes upwards;
       release keeps the low half from overtaking the high one. */
    atomic_store_explicit(&files->digits[0], halves.high, memory_order_relaxed);
    atomic_store_explicit(&files->digits[1], halves.low, memory_order_release);
}

int zone_garbage(struct zone_files *files)
{
    static const char text[] = "garbage\n";
    const size_t size = sizeof text - 1;
    files->live = false;
    const int status = write_all(files->energy_fd, text, size);
    if (status != 0)
        return status;
    return ftruncate(files->energy_fd, (off_t)size) == 0 ? 0 : -errno;
}

int zone_empty(struct zone_files *files)
{
    files->live = false;
    return ftruncate(files->energy_fd, 0) == 0 ? 0 : -errno;
}

int zone_freeze(struct zone_files *files)
{
    files->live = false;
    return 0;
}

int zone_remove(const struct powercap_tree *tree, struct zone_files *files)
{
    if (files->removed)
        return -ENOENT;
    files->live = false;
    char link[2 * ZONE_ID_SIZE];
    snprintf(link, sizeof link, "%s/%s", files->parent, files->id);
    /* The link is already out of sight when the parent was removed before. */
    if (unlinkat(tree->class_fd, link, 0) != 0 && errno != ENOENT)
        return -errno;
    if (renameat(tree->class_fd, files->id, tree->removed_fd, files->id) != 0)
        return -errno;
    files->removed = true;
    return 0;
}

int zone_mode(struct zone_files *files, mode_t mode)
{
    return fchmod(files->energy_fd, mode) == 0 ? 0 : -errno;
}

/* A removed zone comes back as the kernel would bring it: with a new energy_uj. */
static int bring_back(const struct powercap_tree *tree, struct zone_files *files)
{
    const int fd = openat(tree->removed_fd, files->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    munmap((void *)files->digits, ENERGY_SIZE);
    close(files->energy_fd);
    files->digits = NULL;
    files->energy_fd = -1;
    int status = unlinkat(fd, "energy_uj", 0) == 0 ? create_energy(fd, files) : -errno;
    close(fd);
    if (status == 0 && renameat(tree->removed_fd, files->id, tree->class_fd, files->id) != 0)
        status = -errno;
    if (status != 0)
        return status;
    files->removed = false;
    status = link_from_parent(tree, files);
    /* The parent is still away, or was away when the zone went. */
    return status == -ENOENT || status == -EEXIST ? 0 : status;
}

int zone_restore(const struct powercap_tree *tree, struct zone_files *files)
{
    int status = files->removed ? bring_back(tree, files) : 0;
    if (status != 0)
        return status;
    char text[ENERGY_SIZE];
    const struct halves halves = format_energy(files->latest_uj);
    memcpy(text, &halves, sizeof halves);
    text[DIGITS] = '\n';
    if (!files->live)
        status = write_all(files->energy_fd, text, sizeof text);
    if (status == 0 && ftruncate(files->energy_fd, ENERGY_SIZE) != 0)
        status = -errno;
    if (status == 0)
        status = zone_mode(files, SOUND_MODE);
    files->live = status == 0;
    return status;
}
