#ifndef LEAT_SHARED_MEMORY_H
#define LEAT_SHARED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that another process may write at any moment. Swift has no word for such memory, and a compiler may read an
 * ordinary place twice and get two answers. These three functions are the only way to bytes that a worker can change.
 */

/* Copies `count` bytes out of shared memory. Each byte is read exactly once, so what was checked is what is used. */
void leat_shared_copy(void *private_copy, const volatile void *shared, size_t count);

/* Reads a counter; everything that was written before it was stored can be seen afterwards. `shared` is aligned. */
uint32_t leat_shared_load_acquire(const volatile uint32_t *shared);

/* Stores a counter after everything that was written before. `shared` is aligned. */
void leat_shared_store_release(volatile uint32_t *shared, uint32_t value);

#endif
