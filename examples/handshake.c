/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake: what sdf.h has no way to do, by sdf_ext.h. A running hash of a conversation is copied each time that its
 * value is wanted, as TLS does it; then a hundred messages are encrypted with authentication in one batch.
 *
 *     handshake [MESSAGES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cardmux/sdf_ext.h"

#define SIZE 512u

static void check(int code, const char *what)
{
    if (code == SDR_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, SDF_GetErrMsg((unsigned)code));
    exit(1);
}

static void transcript(void *session)
{
    static const char *const lines[] = {"client hello", "server hello", "certificate", "finished"};
    unsigned char digest[64];
    unsigned len;
    void *running, *now;
    check(cardmux_hash_open(session, SGD_SM3, NULL, NULL, 0, &running), "hash");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        check(cardmux_hash_update(session, running, (const unsigned char *)lines[i], (unsigned)strlen(lines[i])),
              "hash");
        check(cardmux_hash_clone(session, running, &now), "clone");
        check(cardmux_hash_final(session, now, digest, &len), "digest");
        printf("after \"%s\": %02x%02x%02x%02x...\n", lines[i], digest[0], digest[1], digest[2], digest[3]);
    }
    check(cardmux_hash_close(session, running), "close");
}

static void messages(void *session, unsigned n)
{
    struct cardmux_sdf_call *calls = calloc(n, sizeof *calls);
    unsigned char(*data)[SIZE] = calloc(n, SIZE), (*tags)[16] = calloc(n, 16), (*nonces)[12] = calloc(n, 12);
    unsigned char bytes[16];
    void *key;
    if (!calls || !data || !tags || !nonces)
        exit(1);
    check(SDF_GenerateRandom(session, sizeof bytes, bytes), "random");
    check(SDF_ImportKey(session, bytes, sizeof bytes, &key), "key");
    for (unsigned i = 0; i < n; i++) {
        memcpy(nonces[i], &i, sizeof i); /* never twice with one key */
        calls[i] = (struct cardmux_sdf_call){.what = CARDMUX_SDF_AUTH_ENC,
                                             .session = session,
                                             .key = key,
                                             .alg = SGD_SM4_GCM,
                                             .iv = nonces[i],
                                             .iv_len = 12,
                                             .in = data[i],
                                             .in_len = SIZE,
                                             .out = data[i],
                                             .tag = tags[i]};
    }
    check(cardmux_sdf_batch(calls, n), "encrypting");
    for (unsigned i = 0; i < n; i++) {
        calls[i].what = CARDMUX_SDF_AUTH_DEC;
        calls[i].tag_len = 16;
    }
    check(cardmux_sdf_batch(calls, n), "decrypting");
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < SIZE; j++)
            if (data[i][j])
                exit(1);
    printf("%u messages there and back\n", n);
    free(calls);
    free(data);
    free(tags);
    free(nonces);
}

int main(int argc, char **argv)
{
    struct cardmux_card_info info = {.size = sizeof info};
    void *device, *session;
    int n = argc > 1 ? atoi(argv[1]) : 100;
    if (n < 1 || n > 100000)
        return 2;
    check(SDF_OpenDevice(&device), "device");
    check(SDF_OpenSession(device, &session), "session");
    check(cardmux_card_info(session, &info), "card");
    printf("tenant %s, card %s, by %s\n", info.tenant, info.card, info.reach);
    transcript(session);
    messages(session, (unsigned)n);
    check(SDF_CloseDevice(device), "device");
    return 0;
}
