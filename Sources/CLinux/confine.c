#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int leat_no_new_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno : 0;
}

int leat_die_with_parent(void) {
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ? -errno : 0;
}

int leat_not_dumpable(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ? -errno : 0;
}

int leat_name_process(const char *name) {
    return prctl(PR_SET_NAME, name, 0, 0, 0) != 0 ? -errno : 0;
}

int leat_set_limit(int resource, uint64_t value) {
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &limit) != 0 ? -errno : 0;
}

int64_t leat_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) != 0 ? -errno : (int64_t)limit.rlim_cur;
}

int leat_become(uint32_t user, uint32_t group) {
    if (setgroups(0, NULL) != 0) return -errno;
    if (setresgid(group, group, group) != 0) return -errno;
    if (setresuid(user, user, user) != 0) return -errno;
    return 0;
}

int leat_narrow_capabilities(void) {
    for (int capability = 0; capability < 64; capability++) {
        // Only who may set capabilities can narrow the bounding set; for the rest no_new_privs says the same.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
    }
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED
        | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0);
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ? -errno : 0;
}

int leat_drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    return syscall(SYS_capset, &header, none) != 0 ? -errno : 0;
}

static int write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    ssize_t written = write(file, text, strlen(text));
    int failure = written < 0 ? errno : 0;
    close(file);
    return -failure;
}

int leat_leave_network(bool user_namespace) {
    if (!user_namespace) return unshare(CLONE_NEWNET) != 0 ? -errno : 0;
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1", geteuid(), geteuid());
    snprintf(groups, sizeof groups, "%u %u 1", getegid(), getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return -errno;
    int result = write_file("/proc/self/setgroups", "deny");
    if (result == 0) result = write_file("/proc/self/uid_map", users);
    if (result == 0) result = write_file("/proc/self/gid_map", groups);
    return result;
}
