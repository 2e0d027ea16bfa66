#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The child runs on this much stack of its own until exec replaces it.
#define CHILD_STACK_BYTES (64 * 1024)

struct child {
    const struct leat_spawn_request *request;
    sigset_t unblocked;
    int error;
};

// Identity by raw system calls: glibc's wrappers would signal the caller's other threads, whose memory we share.
static int become(uint32_t user, uint32_t group) {
    if (group != LEAT_SAME_ID) {
        if (syscall(SYS_setgroups, 0, NULL) != 0) return errno;
        if (syscall(SYS_setresgid, group, group, group) != 0) return errno;
    }
    if (user != LEAT_SAME_ID && syscall(SYS_setresuid, user, user, user) != 0) return errno;
    return 0;
}

// Puts the descriptors in their places: first all out of the way, then each where it belongs.
static int place_descriptors(const struct leat_spawn_request *request, int *executable) {
    uint32_t count = request->descriptor_count;
    int moved[64];
    if (count > 64) return EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        moved[i] = -1;
        if (request->descriptors[i] < 0) continue;
        moved[i] = fcntl(request->descriptors[i], F_DUPFD_CLOEXEC, (int)count);
        if (moved[i] < 0) return errno;
    }
    if (request->path == NULL) {
        *executable = fcntl(request->executable, F_DUPFD_CLOEXEC, (int)count);
        if (*executable < 0) return errno;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (moved[i] < 0) {
            close((int)i);
        } else if (dup2(moved[i], (int)i) < 0) {
            return errno;
        }
    }
    if (syscall(SYS_close_range, count, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno;
    return 0;
}

static void reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &standard, NULL);
}

static int run_child(void *argument) {
    struct child *child = argument;
    const struct leat_spawn_request *request = child->request;
    int executable = -1;
    reset_signals();
    sigprocmask(SIG_SETMASK, &child->unblocked, NULL);
    if (request->new_session) setsid();
    child->error = place_descriptors(request, &executable);
    if (child->error == 0) child->error = become(request->user, request->group);
    if (child->error == 0 && request->directory != NULL && chdir(request->directory) != 0) child->error = errno;
    if (child->error == 0) {
        if (request->path != NULL) {
            execve(request->path, request->arguments, request->environment);
        } else {
            syscall(SYS_execveat, executable, "", request->arguments, request->environment, AT_EMPTY_PATH);
        }
        child->error = errno;
    }
    _exit(127);
}

int leat_spawn(const struct leat_spawn_request *request, int32_t *pid, int *pidfd) {
    void *stack = mmap(NULL, CHILD_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -errno;
    struct child child = {.request = request};
    sigset_t all, before;
    sigemptyset(&child.unblocked);
    sigfillset(&all);
    // No handler of the caller may run in the child while both share memory.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (pidfd != NULL ? CLONE_PIDFD : 0);
    int process = clone(run_child, (char *)stack + CHILD_STACK_BYTES, flags, &child, pidfd);
    int failure = process < 0 ? errno : child.error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, CHILD_STACK_BYTES);
    if (failure != 0) {
        if (process > 0) {
            // The child has already ended: take it, so that nobody meets a child that never was a program.
            while (syscall(SYS_wait4, process, NULL, 0, NULL) < 0 && errno == EINTR) {}
            if (pidfd != NULL) close(*pidfd);
        }
        return -failure;
    }
    *pid = process;
    return 0;
}
