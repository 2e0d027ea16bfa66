// The database's schema as text inside the program: numbered steps that make the tables, and the routines upon them.
#pragma once

/// One step; steps run in the order of their numbers and are never changed once released.
struct leat_migration {
    int version;
    const char *name;
    const char *sql;
};

/// How many steps there are.
extern const int leat_migration_count;

/// Step `index`, from 0, in the order of the numbers; NULL outside.
const struct leat_migration *leat_migration_at(int index);

/// Functions and views, in the order in which they can be made; they are made anew whenever their text changes. NULL
/// outside.
const char *leat_routines_at(int index);
