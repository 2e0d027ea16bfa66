/*
 * A transformation that tries what no plugin may and says what came of it: each event becomes one JSON object.
 */
#define _GNU_SOURCE
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* 0, or the error number of a call that returned -1. */
#define TRIED(call) ((call) < 0 ? errno : 0)

static int network_interfaces(void)
{
    /* Lines of /proc/net/dev after its two headings; -1 where it cannot be read. */
    FILE *file = fopen("/proc/net/dev", "r");
    if (file == NULL) return -1;
    char line[512];
    int count = -2;
    while (fgets(line, sizeof line, file) != NULL) count++;
    fclose(file);
    return count;
}

static int try_fork(void)
{
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child < 0 ? errno : 0;
}

static size_t describe(char *text, size_t room)
{
    char descriptors[512] = "", variables[1024] = "";
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            snprintf(descriptors + strlen(descriptors), sizeof descriptors - strlen(descriptors), "%s%d",
                descriptors[0] ? "," : "", fd);
    for (char **variable = environ; *variable != NULL; variable++)
        snprintf(variables + strlen(variables), sizeof variables - strlen(variables), "%s%s",
            variables[0] ? " " : "", *variable);
    struct rlimit core, files;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    int pair[2];
    char *const nothing[] = {NULL};
    void *input = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
    int input_error = input == MAP_FAILED ? errno : 0;
    return (size_t)snprintf(text, room,
        "{\"descriptors\":\"%s\",\"environment\":\"%s\",\"uid\":%u,\"interfaces\":%d,\"socket\":%d,\"unix\":%d,"
        "\"netlink\":%d,\"socketpair\":%d,\"connect\":%d,\"exec\":%d,\"fork\":%d,\"kill\":%d,\"ptrace\":%d,\"unshare\":%d,"
        "\"setuid\":%d,\"raise\":%d,\"dumpable\":%d,\"parent\":%d,\"noNewPrivileges\":%d,\"seccomp\":%d,\"memfd\":%d,"
        "\"uring\":%d,\"core\":%llu,\"files\":%llu,\"writeInput\":%d,\"cutOutput\":%d,\"session\":%d,"
        "\"signalOwner\":%d,\"signalNumber\":%d,\"affinity\":%d}",
        descriptors, variables, getuid(), network_interfaces(), TRIED(socket(AF_INET, SOCK_STREAM, 0)),
        TRIED(socket(AF_UNIX, SOCK_STREAM, 0)), TRIED(socket(AF_NETLINK, SOCK_RAW, 0)),
        TRIED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)), TRIED(connect(3, NULL, 0)),
        TRIED(execve("/bin/true", nothing, nothing)), try_fork(), TRIED(kill(getppid(), SIGKILL)),
        TRIED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)), TRIED(unshare(CLONE_NEWUSER)), TRIED(setuid(0)),
        TRIED(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024})), TRIED(prctl(PR_SET_DUMPABLE, 1)),
        TRIED(prctl(PR_SET_PDEATHSIG, 0)), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP),
        TRIED(memfd_create("x", 0)), TRIED(syscall(SYS_io_uring_setup, 1, NULL)), (unsigned long long)core.rlim_cur,
        (unsigned long long)files.rlim_cur, input_error, TRIED(ftruncate(5, 0)), getsid(0) == getpid(),
        TRIED(fcntl(1, F_SETOWN, getppid())), TRIED(fcntl(1, F_SETSIG, SIGKILL)),
        TRIED(sched_setaffinity(getppid(), sizeof(cpu_set_t), &(cpu_set_t){0})));
}

static leat_status process(leat_instance *instance, const leat_batch *batch, const leat_transform_sink *sink)
{
    (void)instance;
    for (uint32_t place = 0; place < batch->count; place++) {
        char text[4096];
        size_t length = describe(text, sizeof text);
        sink->emit(sink->ctx, leat_event_at(batch, place)->index, (leat_slice){(uint8_t *)text, length}, TEXT(""));
    }
    return LEAT_OK;
}

#include "transformation.h"
