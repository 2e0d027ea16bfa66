// A plugin called in the same process, with the least that its contract asks of a host: what a hop is measured against.
#ifndef LEAT_IN_PROCESS_H
#define LEAT_IN_PROCESS_H

#include <stddef.h>
#include <stdint.h>

typedef struct leat_in_process leat_in_process;

/// Loads the library at `path` and creates its transformation; NULL when that fails.
leat_in_process *leat_in_process_open(const char *path);

/// Runs the `count` events that lie one behind the other in `text`, event `i` from `offsets[i]` to `offsets[i + 1]`.
/// What they become is written into one buffer, edits applied. Returns its length, and the number of parts.
size_t leat_in_process_run(leat_in_process *plugin, const uint8_t *text, const size_t *offsets, uint32_t count,
    uint32_t *parts);

#endif
