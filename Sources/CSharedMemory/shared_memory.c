#include "shared_memory.h"

#include <string.h>

void leat_shared_copy(void *private_copy, const volatile void *shared, size_t count)
{
    /* memcpy reads each byte once; the barrier forbids the compiler to go back to the source for a value. */
    memcpy(private_copy, (const void *)shared, count);
    __asm__ volatile("" : : "r"(private_copy) : "memory");
}

uint32_t leat_shared_load_acquire(const volatile uint32_t *shared)
{
    return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

void leat_shared_store_release(volatile uint32_t *shared, uint32_t value)
{
    __atomic_store_n(shared, value, __ATOMIC_RELEASE);
}
