// The database's schema as text inside the program: numbered steps that make the tables, and the routines upon them.
#pragma once

#include <stdbool.h>

/// One step; steps run in the order of their numbers and are never changed once released.
struct leat_migration {
    int version;
    const char *name;
    const char *sql;
    /// Whether programs that do not know the step can go on while it is taken, and after it. A step that does not say so
    /// waits until no such program runs.
    bool keeps_older;
};

/// How many steps there are.
extern const int leat_migration_count;

/// Step `index`, from 0, in the order of the numbers; NULL outside.
const struct leat_migration *leat_migration_at(int index);

/// Functions and views, in the order in which they can be made; they are made anew whenever their text changes. NULL
/// outside.
const char *leat_routines_at(int index);

/// The functions' level: grows when what an older program calls could do it harm. Functions that are merely added, or
/// have other parameters than before, need no new level: what older programs call stays beside them as long as they run.
extern const int leat_routines_level;
