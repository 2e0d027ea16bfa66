// libpq, and the few calls its waiting needs that Swift's C library module leaves out.
#pragma once
#include <postgresql/libpq-fe.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/// Gives the calling thread a name of at most 15 bytes, as process listings show it.
static inline void leat_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
