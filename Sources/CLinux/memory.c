#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// Since Linux 6.3, which Debian 12's headers do not know yet.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static int make(const char *name, uint64_t size, unsigned kind) {
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kind);
    if (file < 0 && errno == EINVAL) file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -errno;
    if (ftruncate(file, (off_t)size) != 0) {
        int failure = errno;
        close(file);
        return -failure;
    }
    return file;
}

int leat_memory_file(const char *name, uint64_t size) {
    return make(name, size, MFD_NOEXEC_SEAL);
}

int leat_executable_memory_file(const char *name, uint64_t size) {
    return make(name, size, MFD_EXEC);
}

static int seal(int file, int seals) {
    return fcntl(file, F_ADD_SEALS, seals) != 0 ? -errno : 0;
}

int leat_seal_for_reading(int file) {
    return seal(file, F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

int leat_seal_size(int file) {
    return seal(file, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

int leat_seal_content(int file) {
    return seal(file, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

int leat_seals(int file) {
    int seals = fcntl(file, F_GET_SEALS);
    return seals < 0 ? -errno : seals;
}
