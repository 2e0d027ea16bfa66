#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <unistd.h>

void *leat_library_open(int file) {
    // The loader takes a path that it knows for the library that it has; a thread's own folder never names two.
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/fd/%d", gettid(), file);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

const char *leat_library_error(void) {
    return dlerror();
}

int leat_library_function(void *library, const char *name, void **function) {
    void *address = dlsym(library, name);
    if (address == NULL) return -ENOENT;
    struct link_map *own = NULL;
    if (dlinfo(library, RTLD_DI_LINKMAP, &own) != 0) return -EINVAL;
    Dl_info place = {0};
    const ElfW(Sym) *symbol = NULL;
    if (dladdr1(address, &place, (void **)&symbol, RTLD_DL_SYMENT) == 0) return -EXDEV;
    struct link_map *other = NULL;
    if (dladdr1(address, &place, (void **)&other, RTLD_DL_LINKMAP) == 0 || other != own) return -EXDEV;
    if (symbol == NULL || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) return -ENOEXEC;
    *function = address;
    return 0;
}
