/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/clients/sdf_cases.h"

struct crew {
    void *device, *session, *key;
    const uint8_t *want;
    _Atomic int wrong, done;
    _Atomic bool stop;
};

/* CBC over more than a slot on a session that all share: calls must not mix. */
static void *share(void *arg)
{
    struct crew *crew = arg;
    static const uint8_t in[40000 / 16 * 16];
    uint8_t out[sizeof in];
    for (int i = 0; i < 50; i++) {
        uint8_t iv[16] = {0};
        unsigned n = 0;
        if (SDF_Encrypt(crew->session, crew->key, SGD_SM4_CBC, iv, (uint8_t *)in, sizeof in, out, &n) != SDR_OK ||
            n != sizeof in || memcmp(out, crew->want, sizeof in) != 0)
            crew->wrong++;
        void *session;
        if (SDF_OpenSession(crew->device, &session) != SDR_OK || SDF_GenerateRandom(session, 100, out) != SDR_OK ||
            SDF_CloseSession(session) != SDR_OK)
            crew->wrong++;
    }
    return NULL;
}

void case_threads(struct sdf_env *env)
{
    static uint8_t in[40000 / 16 * 16], want[sizeof in];
    uint8_t bytes[32], iv[16] = {0};
    unsigned n;
    struct crew crew = {.device = env->device, .session = env->session, .want = want};
    crew.key = sdf_known_key(env, 128, bytes);
    if (!CALL(SDR_OK, SDF_Encrypt, env->session, crew.key, SGD_SM4_CBC, iv, in, sizeof in, want, &n))
        return;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        HOLDS(pthread_create(&threads[i], NULL, share, &crew) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    HOLDS(crew.wrong == 0);
}

/* Works until its session is closed under it; after that nothing but SDR_INARGERR. */
static void *until_closed(void *arg)
{
    struct crew *crew = arg;
    uint8_t bytes[70000];
    int closed = 0;
    while (closed < 3) {
        int got = SDF_GenerateRandom(crew->session, sizeof bytes, bytes);
        if (got == SDR_INARGERR)
            closed++;
        else if (got != SDR_OK || closed)
            crew->wrong++;
        crew->done++;
    }
    return NULL;
}

void case_close_race(struct sdf_env *env)
{
    for (int round = 0; round < 20; round++) {
        struct crew crew = {0};
        pthread_t threads[3];
        if (!CALL(SDR_OK, SDF_OpenDevice, &crew.device) || !CALL(SDR_OK, SDF_OpenSession, crew.device, &crew.session))
            return;
        for (int i = 0; i < 3; i++)
            HOLDS(pthread_create(&threads[i], NULL, until_closed, &crew) == 0);
        while (crew.done < 6)
            usleep(100);
        if (round % 2)
            CALL(SDR_OK, SDF_CloseSession, crew.session);
        CALL(SDR_OK, SDF_CloseDevice, crew.device);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        HOLDS(crew.wrong == 0);
    }
}

/* In the child: 0 where everything was as it must be. */
static int child(void *device, void *session, void *key)
{
    uint8_t block[16] = {0};
    unsigned n;
    void *d, *s;
    if (SDF_GenerateRandom(session, 16, block) != SDR_INARGERR ||
        SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &n) != SDR_INARGERR ||
        SDF_OpenSession(device, &s) != SDR_INARGERR || SDF_CloseSession(session) != SDR_INARGERR ||
        SDF_CloseDevice(device) != SDR_INARGERR)
        return 1;
    if (SDF_OpenDevice(&d) != SDR_OK || SDF_OpenSession(d, &s) != SDR_OK)
        return 2;
    void *other; /* the new ones are in the same places: the old must not mean them */
    if (SDF_GenerateRandom(session, 16, block) != SDR_INARGERR || SDF_GenerateRandom(s, 16, block) != SDR_OK ||
        SDF_OpenSession(device, &other) != SDR_INARGERR || d == device)
        return 3;
    return SDF_CloseDevice(d) == SDR_OK ? 0 : 4;
}

void case_fork(struct sdf_env *env)
{
    uint8_t bytes[32], block[16] = {0};
    unsigned n;
    void *key = sdf_known_key(env, 128, bytes);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(env->device, env->session, key));
    int status = -1;
    HOLDS(pid > 0 && waitpid(pid, &status, 0) == pid);
    HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* and the parent goes on */
    CALL(SDR_OK, SDF_Encrypt, env->session, key, SGD_SM4_ECB, NULL, block, 16, block, &n);
}
