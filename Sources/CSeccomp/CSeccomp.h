// libseccomp, and the few of its macros that Swift cannot import, as constants and functions.
#ifndef LEAT_CSECCOMP_H
#define LEAT_CSECCOMP_H

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>

static const uint32_t leat_filter_allow = SCMP_ACT_ALLOW;
static const uint32_t leat_filter_kill = SCMP_ACT_KILL_PROCESS;
static const uint32_t leat_filter_refuse = SCMP_ACT_ERRNO(EPERM);
static const uint32_t leat_filter_absent = SCMP_ACT_ERRNO(ENOSYS);

// The flag of clone that makes a thread.
static const uint64_t leat_clone_thread = 0x00010000;

// The rule "argument `number`, masked, equals `value`".
static inline struct scmp_arg_cmp leat_filter_argument(unsigned number, uint64_t mask, uint64_t value) {
    return (struct scmp_arg_cmp){.arg = number, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// The rule "argument `number` is not `value`".
static inline struct scmp_arg_cmp leat_filter_argument_differs(unsigned number, uint64_t value) {
    return (struct scmp_arg_cmp){.arg = number, .op = SCMP_CMP_NE, .datum_a = value};
}

#endif
