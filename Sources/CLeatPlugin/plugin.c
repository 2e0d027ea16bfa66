/* The contract is a header alone. This file lets the compiler check it once, as a plugin author's compiler would. */
#include "leat/plugin.h"
