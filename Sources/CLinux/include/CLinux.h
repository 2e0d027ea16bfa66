// The system calls and constants of Linux that Swift cannot import.
//
// Every function does one thing. Unless it says otherwise it returns 0 or a positive result on success and -errno
// on failure, never touches errno's meaning for the caller, allocates nothing and takes no lock.
#ifndef LEAT_CLINUX_H
#define LEAT_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/types.h>

// ---------------------------------------------------------------- starting programs (spawn.c)

/// "Keep the identity of the caller."
#define LEAT_SAME_ID ((uint32_t)-1)

/// A program to start. Zero-initialise, then fill in what matters.
struct leat_spawn_request {
    /// Absolute path of the program, or NULL to start `executable`.
    const char *path;
    /// An open descriptor of the program (used when `path` is NULL): needs no path, so also works from a closed home.
    int executable;
    /// NULL-terminated arguments, the first being the program's name.
    char *const *arguments;
    /// NULL-terminated `NAME=value` list: the whole environment of the program, nothing is inherited.
    char *const *environment;
    /// Descriptor `descriptors[i]` of the caller becomes descriptor `i` of the program; -1 leaves `i` closed.
    /// Everything else is closed.
    const int *descriptors;
    uint32_t descriptor_count;
    /// User and group to run as (supplementary groups are dropped), or LEAT_SAME_ID.
    uint32_t user;
    uint32_t group;
    /// Directory to run in, or NULL for the caller's.
    const char *directory;
    /// Whether the program leads a session of its own.
    bool new_session;
};

/// Starts a program without copying the caller's memory (clone with VM and VFORK): safe while the caller has threads.
///
/// Signal handlers are reset and no signal is blocked in the program. Writes its process id and, when `pidfd` is not
/// NULL, a close-on-exec descriptor of the process. The result is the error of whatever failed, exec included.
int leat_spawn(const struct leat_spawn_request *request, int32_t *pid, int *pidfd);

// ---------------------------------------------------------------- processes (process.c)

/// A close-on-exec descriptor that names process `pid` whatever happens to its number.
int leat_pidfd_open(int32_t pid);

/// Sends `signal` to the process that `pidfd` names.
int leat_pidfd_kill(int pidfd, int signal);

/// Reads one line of a terminal into `line` without showing it. The result is its length, or -EINTR when the person
/// typed the interrupt character; the terminal is then as it was before.
int leat_read_hidden(int terminal, char *line, uint32_t size);

/// CPU time that all threads of process `pid` have used, in nanoseconds.
int leat_process_cpu(int32_t pid, int64_t *nanoseconds);

/// What is left of a child once it has ended.
struct leat_exit {
    int32_t pid;
    /// Exit status, when `signal` is 0.
    int32_t status;
    /// The signal that ended it, or 0.
    int32_t signal;
    int64_t cpu_microseconds;
    /// Largest resident set.
    int64_t peak_bytes;
};

/// Takes one ended child, if there is one; returns 1 when it wrote `exit`, 0 when no child has ended.
int leat_reap(struct leat_exit *exit);

/// Blocks SIGCHLD and returns a non-blocking, close-on-exec descriptor that is readable when a child ended.
int leat_child_signals(void);

/// Takes whatever waits on a descriptor of `leat_child_signals`.
int leat_clear_child_signals(int descriptor);

/// Number of threads of the calling process, or -errno.
int leat_thread_count(void);

// ---------------------------------------------------------------- memory files (memory.c)

/// A sealable, close-on-exec memory file of `size` bytes that can never be executed as a program.
/// `name` is only for people who look at /proc.
int leat_memory_file(const char *name, uint64_t size);

/// The same, but the file may be executed (for the worker's own program).
int leat_executable_memory_file(const char *name, uint64_t size);

/// Seals against writing through any mapping made later, against growing, shrinking, and other seals:
/// the caller's own mapping stays writable.
int leat_seal_for_reading(int memory_file);

/// Seals the size: nobody can make another process fault by cutting the file short.
int leat_seal_size(int memory_file);

/// Seals the content for good.
int leat_seal_content(int memory_file);

/// The seals that hold (F_SEAL_… bits).
int leat_seals(int memory_file);

// ---------------------------------------------------------------- descriptors (descriptor.c)

/// A non-blocking, close-on-exec event counter at 0.
int leat_event_counter(void);

/// Closes all descriptors from `first` to `last`.
int leat_close_range(uint32_t first, uint32_t last);

/// Two connected, close-on-exec SOCK_SEQPACKET sockets.
int leat_socket_pair(int sockets[2]);

/// A close-on-exec set of descriptors to wait for.
int leat_poll_set(void);

/// Waits for `descriptor` to be readable, too; `mark` is what `leat_poll_wait` says then.
int leat_poll_add(int set, int descriptor, uint64_t mark);

/// The same for an event counter, which is reported once for each time it is added to and needs not be read.
int leat_poll_add_counter(int set, int counter, uint64_t mark);

/// Waits for `descriptor` no longer.
int leat_poll_remove(int set, int descriptor);

/// Writes the marks of what is readable, at most `count`, and returns how many; waits at most `milliseconds`,
/// -1 for without an end.
int leat_poll_wait(int set, uint64_t *marks, uint32_t count, int milliseconds);

/// A close-on-exec pipe: `ends[0]` is read without waiting, `ends[1]` is written and waits when the pipe is full.
int leat_pipe(int ends[2]);

/// Sends one message, at most 8 descriptors with it; never raises SIGPIPE. Returns the bytes sent.
int leat_send(int socket, const void *bytes, size_t count, const int *descriptors, uint32_t descriptor_count);

/// Takes one message and the descriptors that came with it (close-on-exec, at most `*descriptor_count`).
///
/// Returns its length, 0 at the end of the connection, -EAGAIN when `wait` is false and nothing is there, and -EPROTO
/// (closing what came) when the message or its descriptors did not fit.
int leat_receive(int socket, void *bytes, size_t capacity, int *descriptors, uint32_t *descriptor_count, bool wait);

// ---------------------------------------------------------------- shared libraries (library.c)

/// Loads the shared library behind a descriptor, with all its symbols bound now and none given to others; NULL when the
/// loader refuses. Runs the library's constructors. Needs /proc and no other path. Never closed again.
void *leat_library_open(int file);

/// What the loader said last, valid until it is asked again; NULL when nothing went wrong.
const char *leat_library_error(void);

/// Finds a function that `library` itself defines.
///
/// The loader also searches what a library depends on, so that "system" would be found in any. Returns -ENOENT when
/// there is no such symbol, -EXDEV when it lies in another library, and -ENOEXEC when it is not a function.
int leat_library_function(void *library, const char *name, void **function);

// ---------------------------------------------------------------- giving up rights (confine.c)

/// No program started from here on gains rights by being set-user-id.
int leat_no_new_privileges(void);

/// The calling process is killed when the thread that started it ends. Cleared by a change of identity, so call later.
int leat_die_with_parent(void);

/// Forbids other processes of the same user to look into this one.
int leat_not_dumpable(void);

/// Names the calling process, or thread, for people who look at /proc (15 bytes).
int leat_name_process(const char *name);

/// Sets soft and hard value of the limit `resource` (one of the LEAT_LIMIT_… values).
int leat_set_limit(int resource, uint64_t value);

/// Lets this process have as many open files as it may allow itself, and returns how many that are.
int64_t leat_raise_open_files(void);

enum leat_limit {
    LEAT_LIMIT_CPU = 0,
    LEAT_LIMIT_FILE_SIZE = 1,
    LEAT_LIMIT_DATA = 2,
    LEAT_LIMIT_STACK = 3,
    LEAT_LIMIT_CORE = 4,
    LEAT_LIMIT_PROCESSES = 6,
    LEAT_LIMIT_DESCRIPTORS = 7,
    LEAT_LIMIT_LOCKED = 8,
    LEAT_LIMIT_ADDRESS_SPACE = 9,
    LEAT_LIMIT_SIGNALS_PENDING = 11,
    LEAT_LIMIT_MESSAGE_QUEUE = 12,
    LEAT_LIMIT_NICE = 13,
    LEAT_LIMIT_REALTIME = 14,
};

/// Becomes user and group for good, in all threads, with no supplementary groups.
int leat_become(uint32_t user, uint32_t group);

/// Empties the bounding and ambient capability sets as far as the caller may, and makes root an ordinary user for good.
/// Call before the identity changes, since it takes rights to give up rights.
int leat_narrow_capabilities(void);

/// Empties the effective, permitted and inheritable capability sets. Call after the identity changed.
int leat_drop_capabilities(void);

/// Moves the calling single-threaded process into a network namespace of its own, empty but for a loopback that is down.
/// With `user_namespace` it first makes a user namespace that maps only the caller's own ids.
int leat_leave_network(bool user_namespace);

// ---------------------------------------------------------------- finding addresses (resolve.c)

/// An IPv4 address in the low 32 bits of `low`, or an IPv6 address in both.
struct leat_address {
    bool is_six;
    uint64_t high;
    uint64_t low;
};

/// Asks the system's resolver for the addresses of `name`, and writes at most `capacity` of them, the preferred first.
///
/// Returns how many, 0 when the name has none, and -1 when it could not be found out. It blocks for as long as the resolver
/// takes, which may be a minute, and unlike the rest of this library it allocates and takes locks.
int leat_resolve(const char *name, struct leat_address *addresses, int capacity);

#endif
