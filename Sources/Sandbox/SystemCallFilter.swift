import CSeccomp
import Glibc

/// The system calls that a worker is refused.
///
/// It refuses what reaches beyond the process: sockets, programs, other processes, identities, namespaces, and the
/// kernel's large doors. Libraries probe some of these, so a refusal is an error number and not a kill. Calls of another
/// architecture (32 bit, x32) end the process.
package enum SystemCallFilter {
    /// Refused with EPERM.
    package static let refused: [String] = [
        // Talking to anyone.
        "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendmmsg",
        // Becoming or starting another program.
        "execve", "execveat", "fork", "vfork", "uselib", "memfd_create", "memfd_secret",
        // Other processes.
        "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal", "pidfd_getfd",
        "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "setpgid", "setsid",
        "sched_setscheduler", "sched_setattr", "sched_setparam", "setpriority", "ioprio_set",
        // Identity, limits and what was given up before.
        "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
        "capset", "setrlimit", "seccomp", "personality", "landlock_restrict_self",
        // Namespaces and mounts.
        "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount",
        "fsconfig", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at",
        // The kernel.
        "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "init_module", "finit_module",
        "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "iopl", "ioperm",
        "modify_ldt", "acct", "quotactl", "quotactl_fd", "syslog", "lookup_dcookie", "nfsservctl", "vhangup",
        "fanotify_init", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
        // Memory that others share, queues that outlive the process, pages that cannot be counted.
        "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
        "mq_open", "mq_unlink", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "mlock", "mlock2", "mlockall",
        "fallocate",
    ]

    /// Refused with ENOSYS, so that libraries take their older path.
    package static let absent: [String] = ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"]

    /// What `prctl` may not do: become visible again, outlive the launcher, take other rights.
    private static let refusedProcessOptions: [UInt64] = [
        1 /* PR_SET_PDEATHSIG */, 4 /* PR_SET_DUMPABLE */, 8 /* PR_SET_KEEPCAPS */, 22 /* PR_SET_SECCOMP */,
        28 /* PR_SET_SECUREBITS */, 36 /* PR_SET_CHILD_SUBREAPER */, 47, /* PR_CAP_AMBIENT */
    ]

    /// What `fcntl` may not do: have the kernel send any signal to any process of the same user.
    private static let refusedDescriptorCommands: [UInt64] = [
        8 /* F_SETOWN */, 10 /* F_SETSIG */, 15, /* F_SETOWN_EX */
    ]

    /// The same by `ioctl`.
    private static let refusedDeviceCommands: [UInt64] = [0x8901 /* FIOSETOWN */, 0x8902 /* SIOCSPGRP */]

    /// Installs the filter on all threads.
    ///
    /// - Returns: 0, or -errno.
    static func install() -> Int32 {
        guard let filter = unsafe seccomp_init(leat_filter_allow) else { return -ENOMEM }
        defer { unsafe seccomp_release(filter) }
        var result = unsafe seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, leat_filter_kill)
        // no_new_privs already holds; the filter tree is searched by halves.
        if result == 0 { result = unsafe seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) }
        if result == 0 { result = unsafe seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) }
        if result == 0 { result = unsafe seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) }
        if result == 0 { result = unsafe addNames(to: filter) }
        if result == 0 { result = unsafe addArguments(to: filter) }
        return result == 0 ? unsafe seccomp_load(filter) : result
    }

    private static func addNames(to filter: scmp_filter_ctx) -> Int32 {
        for (names, action) in [(refused, leat_filter_refuse), (absent, leat_filter_absent)] {
            for name in names {
                let result = unsafe add(name, action, [], to: filter)
                if result != 0 { return result }
            }
        }
        return 0
    }

    /// The calls that depend on how they are made.
    private static func addArguments(to filter: scmp_filter_ctx) -> Int32 {
        let refuse = leat_filter_refuse
        var rules: [(String, scmp_arg_cmp)] = [
            // Threads only.
            ("clone", leat_filter_argument(0, leat_clone_thread, 0)),
            // To the connected peer only.
            ("sendto", leat_filter_argument_differs(4, 0)),
            // Signals to itself only.
            ("tgkill", leat_filter_argument_differs(0, UInt64(getpid()))),
            // Reading limits only.
            ("prlimit64", leat_filter_argument_differs(2, 0)),
            // Its own place on the processors only.
            ("sched_setaffinity", leat_filter_argument_differs(0, 0)),
        ]
        for command in refusedDescriptorCommands {
            rules.append(("fcntl", leat_filter_argument(1, UInt64(UInt32.max), command)))
        }
        for command in refusedDeviceCommands {
            rules.append(("ioctl", leat_filter_argument(1, UInt64(UInt32.max), command)))
        }
        for option in refusedProcessOptions {
            rules.append(("prctl", leat_filter_argument(0, UInt64(UInt32.max), option)))
        }
        for (name, argument) in rules {
            let result = unsafe add(name, refuse, [argument], to: filter)
            if result != 0 { return result }
        }
        return 0
    }

    private static func add(
        _ name: String,
        _ action: UInt32,
        _ arguments: [scmp_arg_cmp],
        to filter: scmp_filter_ctx
    ) -> Int32 {
        let number = unsafe seccomp_syscall_resolve_name(name)
        // A call that this architecture does not have needs no rule.
        guard number >= 0 else { return 0 }
        return unsafe seccomp_rule_add_array(filter, action, number, UInt32(arguments.count), arguments)
    }
}
