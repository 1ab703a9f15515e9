/* marks: see marks.h. */
#include "marks.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "labels.h"
#include "quiet.h"
#include "roster.h"
#include "stream.h"
#include "ticks.h"

/* A run that is live.  Writers: whoever holds the mutex. */
struct home {
    uint32_t uses;     /* 0: free */
    uint64_t identity; /* never used twice */
    uint64_t process;  /* our PROCESS there; 0: none yet */
    struct pc_roster roster; /* its process is 0 until a ring is there: nobody reads it before */
    char path[PC_HOME_MOST_BYTES];
};

struct writer {
    uint32_t generation; /* of the homes it has caught up with */
    uint32_t thread;
    size_t stream_count;
    struct pc_stream *streams[PC_MARKS_MOST_HOMES];
};

_Atomic uint32_t pc_marks_attached;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct home homes[PC_MARKS_MOST_HOMES];
static uint64_t identities;
static uint32_t threads;
static struct pc_labels labels;
static enum pc_ticks_source ticks_source;

/* Changes whenever the homes do.  Writers: whoever holds the mutex; release, for the acquire in pc_marks_put. */
static _Atomic uint32_t generation = 1;

static _Thread_local struct writer *mine;
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t random_number(void)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = 0;
    if (number == 0) { /* too early after boot: the moment and the process will do */
        struct pc_ticks_anchor now = pc_ticks_anchor_now(ticks_source);
        number = (now.ticks * UINT64_C(0x9E3779B97F4A7C15)) ^ ((uint64_t)getpid() << 32) ^ (uint64_t)now.monotonic_ns;
    }
    return number != 0 ? number : 1;
}

static void end_stream(struct pc_stream *stream)
{
    pc_stream_end(stream);
    free(stream);
}

static void end_writer(void *argument)
{
    struct writer *writer = argument;
    for (size_t i = 0; i < writer->stream_count; i++)
        end_stream(writer->streams[i]);
    if (mine == writer)
        mine = NULL;
    free(writer);
}

static void forget_what_was_written(struct home *home)
{
    home->process = 0;
    home->roster = (struct pc_roster){0};
}

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

/* The rings are the parent's: forget them, without a word into them. */
static void after_fork_in_child(void)
{
    if (mine != NULL) {
        for (size_t i = 0; i < mine->stream_count; i++) {
            pc_stream_forget(mine->streams[i]);
            free(mine->streams[i]);
        }
        mine->stream_count = 0;
        mine->thread = 0;
    }
    threads = mine != NULL;
    for (size_t i = 0; i < PC_MARKS_MOST_HOMES; i++)
        forget_what_was_written(&homes[i]);
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    pthread_mutex_unlock(&mutex);
}

static void begin(void)
{
    ticks_source = pc_ticks_source();
    pthread_key_create(&at_thread_end, end_writer);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The thread that ends the program has no destructors of its own. */
__attribute__((destructor)) static void end_program(void)
{
    if (mine != NULL) {
        for (size_t i = 0; i < mine->stream_count; i++)
            end_stream(mine->streams[i]);
        mine->stream_count = 0;
        mine->generation = 0;
        atomic_store_explicit(&pc_marks_attached, 0, memory_order_relaxed);
    }
}

static struct home *home_of(uint64_t identity)
{
    for (size_t i = 0; i < PC_MARKS_MOST_HOMES; i++) {
        if (homes[i].uses > 0 && homes[i].identity == identity)
            return &homes[i];
    }
    return NULL;
}

static void enter(struct pc_quiet *quiet)
{
    pc_quiet_begin(quiet);
    pthread_once(&once, begin);
    pthread_mutex_lock(&mutex);
}

static void leave(const struct pc_quiet *quiet)
{
    pthread_mutex_unlock(&mutex);
    pc_quiet_end(quiet);
}

/* Under the mutex, once a ring of ours is there. */
static void write_labels(struct home *home)
{
    home->roster.process = home->process;
    pc_roster_write(&home->roster, home->path, &labels);
}

static struct pc_stream *open_stream(struct home *home, uint32_t thread)
{
    struct pc_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->home = home->identity;
    if (home->process == 0)
        home->process = random_number();
    pc_stream_begin(stream, home->path, home->process, thread, ticks_source);
    if (pc_stream_open(stream)) /* before the time is read: the first region does not pay for it */
        write_labels(home);
    return stream;
}

/* Tries again where no ring could be made at once. */
static void open_late(struct pc_stream *stream)
{
    if (!pc_stream_open(stream))
        return;
    struct pc_quiet quiet;
    enter(&quiet);
    struct home *home = home_of(stream->home);
    if (home != NULL)
        write_labels(home);
    leave(&quiet);
}

/* Brings the thread's streams in line with the homes there are now; NULL without memory. */
static struct writer *catch_up(void)
{
    struct pc_quiet quiet;
    enter(&quiet);
    struct writer *writer = mine;
    if (writer == NULL) {
        writer = calloc(1, sizeof *writer);
        if (writer == NULL || pthread_setspecific(at_thread_end, writer) != 0) {
            free(writer);
            leave(&quiet);
            return NULL;
        }
        writer->thread = threads++;
        mine = writer;
    }
    size_t kept = 0;
    for (size_t i = 0; i < writer->stream_count; i++) {
        if (home_of(writer->streams[i]->home) != NULL)
            writer->streams[kept++] = writer->streams[i];
        else
            end_stream(writer->streams[i]);
    }
    writer->stream_count = kept;
    for (size_t i = 0; i < PC_MARKS_MOST_HOMES; i++) {
        bool known = homes[i].uses == 0;
        for (size_t j = 0; j < kept && !known; j++)
            known = writer->streams[j]->home == homes[i].identity;
        struct pc_stream *stream = known ? NULL : open_stream(&homes[i], writer->thread);
        if (stream != NULL)
            writer->streams[writer->stream_count++] = stream;
    }
    writer->generation = atomic_load_explicit(&generation, memory_order_relaxed); /* it changes under the mutex */
    leave(&quiet);
    return writer;
}

void pc_marks_put(enum pc_mark_kind kind, uint32_t label)
{
    if (atomic_load_explicit(&pc_marks_attached, memory_order_relaxed) == 0)
        return;
    struct writer *writer = mine;
    /* acquire: pairs with the releases of whoever changed the homes */
    if (writer == NULL || writer->generation != atomic_load_explicit(&generation, memory_order_acquire)) {
        writer = catch_up();
        if (writer == NULL)
            return;
    }
    uint64_t word = pc_mark_word(pc_ticks_now(ticks_source), kind, label);
    for (size_t i = 0; i < writer->stream_count; i++) {
        if (writer->streams[i]->header == NULL)
            open_late(writer->streams[i]);
        pc_stream_put(writer->streams[i], word);
    }
}

uint32_t pc_marks_label(const char *name, size_t length)
{
    struct pc_quiet quiet;
    enter(&quiet);
    uint32_t before = pc_labels_count(&labels);
    uint32_t number = pc_labels_find(&labels, name, length);
    if (pc_labels_count(&labels) > before) {
        for (size_t i = 0; i < PC_MARKS_MOST_HOMES; i++) {
            if (homes[i].roster.process != 0)
                pc_roster_write(&homes[i].roster, homes[i].path, &labels);
        }
    }
    leave(&quiet);
    return number;
}

static int attach(const char *path)
{
    size_t length = strlen(path);
    if (length >= PC_HOME_MOST_BYTES)
        return -ENAMETOOLONG;
    int free_home = -1;
    for (int i = 0; i < PC_MARKS_MOST_HOMES; i++) {
        if (homes[i].uses > 0 && strcmp(homes[i].path, path) == 0) {
            homes[i].uses++;
            return i;
        }
        if (homes[i].uses == 0 && free_home < 0)
            free_home = i;
    }
    if (free_home < 0)
        return -EMFILE;
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    struct home *home = &homes[free_home];
    home->uses = 1;
    home->identity = ++identities;
    forget_what_was_written(home);
    memcpy(home->path, path, length + 1);
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    atomic_fetch_add_explicit(&pc_marks_attached, 1, memory_order_relaxed);
    return free_home;
}

int pc_marks_attach(const char *path)
{
    struct pc_quiet quiet;
    enter(&quiet);
    int home = attach(path);
    leave(&quiet);
    return home;
}

void pc_marks_detach(int number)
{
    struct pc_quiet quiet;
    enter(&quiet);
    struct home *home = number >= 0 && number < PC_MARKS_MOST_HOMES ? &homes[number] : NULL;
    if (home != NULL && home->uses > 0 && --home->uses == 0) {
        forget_what_was_written(home);
        atomic_fetch_add_explicit(&generation, 1, memory_order_release);
        atomic_fetch_sub_explicit(&pc_marks_attached, 1, memory_order_relaxed);
    }
    leave(&quiet);
}

static void attach_each_inherited(void)
{
    const char *paths = secure_getenv(PC_MARKS_VARIABLE); /* a set-user-id program does not trust its caller */
    while (paths != NULL && *paths != '\0') {
        const char *end = strchr(paths, PC_MARKS_SEPARATOR);
        size_t length = end != NULL ? (size_t)(end - paths) : strlen(paths);
        char path[PC_HOME_MOST_BYTES];
        if (length < sizeof path) {
            memcpy(path, paths, length);
            path[length] = '\0';
            pc_marks_attach(path);
        }
        paths = end != NULL ? end + 1 : NULL;
    }
}

void pc_marks_attach_inherited(void)
{
    static pthread_once_t inherited = PTHREAD_ONCE_INIT;
    pthread_once(&inherited, attach_each_inherited);
}

/* What programs find by name in the library: pycarbon.h. */
extern const struct pycarbon_api_1 {
    _Atomic uint32_t *attached;
    void (*put)(enum pc_mark_kind kind, uint32_t label);
    uint32_t (*label)(const char *name, size_t length);
    void (*attach_inherited)(void);
    int (*attach)(const char *path);
    void (*detach)(int home);
} pycarbon_api_1;

__attribute__((visibility("default"))) const struct pycarbon_api_1 pycarbon_api_1 = {
    &pc_marks_attached, pc_marks_put, pc_marks_label, pc_marks_attach_inherited, pc_marks_attach, pc_marks_detach,
};
