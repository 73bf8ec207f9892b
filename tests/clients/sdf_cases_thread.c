/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
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

/* In the child: 0 where everything was as it must be. What the parent opened is there, on a queue pair of the child's;
   what a session held is not. */
static int child(void *device, void *session, void *key, const uint8_t digest[32])
{
    uint8_t block[16] = {0}, got[32];
    unsigned n;
    void *d, *s, *other;
    ECCSignature signature;
    /* a hash that was under way in the parent held nothing over there yet, and goes on here as well */
    if (SDF_HashFinal(session, got, &n) != SDR_OK || n != 32 || memcmp(got, digest, 32) != 0)
        return 1;
    if (SDF_GenerateRandom(session, 16, block) != SDR_OK ||
        SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &n) != SDR_COMMFAIL ||
        SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &n) != SDR_KEYNOTEXIST ||
        SDF_DestroyKey(session, key) != SDR_KEYNOTEXIST || SDF_DestroyKey(session, key) != SDR_INARGERR ||
        SDF_InternalSign_ECC(session, 1, got, 32, &signature) != SDR_PARDENY ||
        SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) != SDR_OK ||
        SDF_InternalSign_ECC(session, 1, got, 32, &signature) != SDR_OK)
        return 2;
    if (SDF_OpenSession(device, &s) != SDR_OK || SDF_GenerateRandom(s, 16, block) != SDR_OK ||
        SDF_CloseSession(s) != SDR_OK || SDF_GenerateRandom(s, 16, block) != SDR_INARGERR)
        return 3;
    if (SDF_OpenDevice(&d) != SDR_OK || d == device || SDF_OpenSession(d, &s) != SDR_OK ||
        SDF_CloseDevice(device) != SDR_OK || SDF_GenerateRandom(session, 16, block) != SDR_INARGERR ||
        SDF_OpenSession(device, &other) != SDR_INARGERR || SDF_GenerateRandom(s, 16, block) != SDR_OK)
        return 4;
    pid_t pid = fork(); /* and once more, as daemons do; without a call before its parent is gone */
    if (pid == 0)
        _exit(SDF_GenerateRandom(s, 16, block) == SDR_OK && SDF_CloseDevice(d) == SDR_OK ? 0 : 9);
    int status = -1;
    if (pid < 0 || SDF_CloseDevice(d) != SDR_OK || waitpid(pid, &status, 0) != pid || status != 0)
        return 5;
    return 0;
}

void case_fork(struct sdf_env *env)
{
    uint8_t bytes[32], digest[32], block[16] = {0};
    unsigned n;
    void *key = sdf_known_key(env, 128, bytes);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, env->session, 1, NULL, 0);
    CALL(SDR_OK, SDF_HashInit, env->session, SGD_SM3, NULL, NULL, 0);
    CALL(SDR_OK, SDF_HashUpdate, env->session, block, 16);
    HOLDS(EVP_Digest(block, 16, digest, NULL, EVP_sm3(), NULL) == 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(env->device, env->session, key, digest));
    int status = -1;
    HOLDS(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (!HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        printf("  the child ended with %#x\n", status);
    /* and the parent goes on, with what its session held */
    CALL(SDR_OK, SDF_Encrypt, env->session, key, SGD_SM4_ECB, NULL, block, 16, block, &n);
    CALL(SDR_OK, SDF_HashFinal, env->session, digest, &n);
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight, env->session, 1);
}
