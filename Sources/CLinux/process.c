#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

int leat_pidfd_open(int32_t pid) {
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int leat_pidfd_kill(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int leat_process_cpu(int32_t pid, int64_t *nanoseconds) {
    clockid_t clock;
    struct timespec time;
    int failure = clock_getcpuclockid(pid, &clock);
    if (failure != 0) return -failure;
    if (clock_gettime(clock, &time) != 0) return -errno;
    *nanoseconds = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    return 0;
}

int leat_reap(struct leat_exit *exit) {
    int status;
    struct rusage usage;
    pid_t pid = wait4(-1, &status, WNOHANG, &usage);
    if (pid == 0 || (pid < 0 && errno == ECHILD)) return 0;
    if (pid < 0) return -errno;
    exit->pid = pid;
    exit->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    exit->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    exit->cpu_microseconds = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000
        + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    exit->peak_bytes = (int64_t)usage.ru_maxrss * 1024;
    return 1;
}

int leat_child_signals(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, NULL) != 0) return -errno;
    int descriptor = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int leat_clear_child_signals(int descriptor) {
    struct signalfd_siginfo signals[16];
    while (read(descriptor, signals, sizeof signals) > 0) {}
    return 0;
}

int leat_thread_count(void) {
    DIR *directory = opendir("/proc/self/task");
    if (directory == NULL) return -errno;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

int leat_read_hidden(int terminal, char *line, uint32_t size) {
    struct termios before;
    if (tcgetattr(terminal, &before) != 0) return -errno;
    struct termios hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    hidden.c_lflag |= ICANON | ECHONL;
    // Without signals an interrupt is a byte of the line and ends it, so nothing can leave the terminal mute.
    hidden.c_cc[VEOL] = before.c_cc[VINTR];
    if (tcsetattr(terminal, TCSAFLUSH, &hidden) != 0) return -errno;
    ssize_t count;
    do count = read(terminal, line, size); while (count < 0 && errno == EINTR);
    int failure = errno;
    tcsetattr(terminal, TCSAFLUSH, &before);
    if (count < 0) return -failure;
    return memchr(line, before.c_cc[VINTR], (size_t)count) ? -EINTR : (int)count;
}
