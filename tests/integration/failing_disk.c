/*
 * failing_disk: a library to preload, with which chosen calls to the C library fail, as they do on a disk that does.
 *
 * FAILING_DISK holds words `CALL,PART,FROM,UNTIL,ERRNO`: of a process's calls of that name about a path with PART in
 * it, those number FROM to UNTIL (from 1) fail with ERRNO; 0 fails none.  FAILING_DISK_LOG is a file that gets a line
 * `CALL PATH` for each call that a word is about, whether it fails or not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_WORDS = 8 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long counts[MOST_WORDS]; /* of each word, under the mutex */

static void say(const char *call, const char *path)
{
    const char *log = getenv("FAILING_DISK_LOG");
    if (log == NULL)
        return;
    FILE *file = fopen(log, "a");
    if (file == NULL)
        return;
    fprintf(file, "%s %s\n", call, path);
    fclose(file);
}

/* Whether this call has to fail; errno says how. */
static bool fails(const char *call, const char *path)
{
    char words[4096];
    const char *set = getenv("FAILING_DISK");
    if (set == NULL || strlen(set) >= sizeof words)
        return false;
    strcpy(words, set);
    char *rest = NULL;
    int number = 0;
    for (char *word = strtok_r(words, " ", &rest); word && number < MOST_WORDS; word = strtok_r(NULL, " ", &rest)) {
        char name[32], part[256];
        unsigned long from, until;
        int error, index = number++;
        if (sscanf(word, "%31[^,],%255[^,],%lu,%lu,%d", name, part, &from, &until, &error) != 5)
            abort();
        if (strcmp(name, call) != 0 || strstr(path, part) == NULL)
            continue;
        say(call, path);
        pthread_mutex_lock(&mutex);
        unsigned long count = ++counts[index];
        pthread_mutex_unlock(&mutex);
        if (error != 0 && from <= count && count <= until) {
            errno = error;
            return true;
        }
    }
    return false;
}

static bool fails_fd(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0)
        return false;
    path[length] = '\0';
    return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return fails_fd("pwrite", fd) ? -1 : REAL(pwrite64)(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return fails_fd("write", fd) ? -1 : REAL(write)(fd, data, size);
}

int fsync(int fd)
{
    return fails_fd("fsync", fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails_fd("fdatasync", fd) ? -1 : REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    return fails("rename", from) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fails_fd("posix_fallocate", fd) ? errno : REAL(posix_fallocate)(fd, offset, size);
}
