// XXH3, in its 64-bit and 128-bit forms.
#pragma once
#include <xxhash.h>
