/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clients/sdf_wrong.h"

#include <string.h>

static const struct row {
    const char *function, *parameter, *class;
} required[] = {
#include "tests/clients/gen_wrong.h"
};

#define REQUIRED (sizeof required / sizeof *required)

static bool met[REQUIRED];

enum sdf_state {
    ABSENT,
    WORKS
};

static const struct {
    const char *name;
    enum sdf_state state;
} functions[] = {
#define SDF_FUNCTION(name, state, ...) {#name, state},
#include "frontend/sdf/functions.def"
#undef SDF_FUNCTION
};

bool sdf_wrong(struct sdf_env *env, const char *function, const char *parameter, const char *class, uint32_t want,
               uint32_t got, int line)
{
    bool good = sdf_met(env, function, false, want, got, line);
    for (size_t i = 0; good && i < REQUIRED; i++)
        if (strcmp(required[i].function, function) == 0 && strcmp(required[i].parameter, parameter) == 0 &&
            strcmp(required[i].class, class) == 0)
            met[i] = true;
    return good;
}

static bool listed(const char *function, const char *path)
{
    char line[128];
    bool found = false;
    FILE *file = path ? fopen(path, "r") : NULL;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \n")] = 0;
        found = strcmp(line, function) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

/* How many rows of a function were not met; the first of them. */
static unsigned lacking(const char *function, const struct row **first)
{
    unsigned count = 0;
    for (size_t i = 0; i < REQUIRED; i++)
        if (strcmp(required[i].function, function) == 0 && !met[i] && count++ == 0)
            *first = &required[i];
    return count;
}

int sdf_wrong_missing(FILE *out, const char *except)
{
    int missing = 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const struct row *first = NULL;
        const char *name = functions[i].name;
        if (functions[i].state != WORKS)
            continue;
        unsigned count = lacking(name, &first);
        if (listed(name, except) == (count != 0))
            continue;
        if (count)
            fprintf(out, "%s: no row of wrong arguments for %s, %s, and %u more\n", name, first->parameter,
                    first->class, count - 1);
        else
            fprintf(out, "%s: has all its rows of wrong arguments: take it out of %s\n", name, except);
        missing++;
    }
    return missing;
}

void *sdf_dead_session(struct sdf_env *env)
{
    void *session = NULL;
    HOLDS(SDF_OpenSession(env->device, &session) == SDR_OK);
    HOLDS(SDF_CloseSession(session) == SDR_OK);
    return session;
}

void *sdf_foreign_key(struct sdf_env *env, void **session)
{
    union sdf_cipher cipher;
    void *key = NULL;
    HOLDS(SDF_OpenSession(env->device, session) == SDR_OK);
    HOLDS(SDF_GenerateKeyWithIPK_ECC(*session, 1, 128, &cipher.c, &key) == SDR_OK);
    return key;
}
