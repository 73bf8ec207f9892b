/* SPDX-License-Identifier: Apache-2.0 */
/*
 * burst.c: many requests in flight with cardmux/client.h. Signs COUNT digests with SM2 key index 1 of this tenant's
 * virtual card (the index has no access code) and has the card verify each signature.
 *
 *     cc burst.c $(pkg-config --cflags --libs libsdf) && ./a.out 1000
 *
 * One thread, no callbacks: take a slot, fill it, submit; poll; go on. A finished signature is at once turned into a
 * verification in the same slot, so both kinds are in flight together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cardmux/client.h>
#include <cardmux/sdf.h>

#define DEPTH 32

enum kind {
    KIND_SIGN,
    KIND_VERIFY
};

static void digest_of(unsigned number, uint8_t digest[32])
{
    memset(digest, 0, 32);
    memcpy(digest, &number, sizeof number);
}

static struct cardmux_request sign(struct cardmux_client *client, int slot, unsigned number)
{
    digest_of(number, cardmux_slot_param(client, slot));
    return (struct cardmux_request){.op = CARDMUX_SIGN,
                                    .slot = (uint16_t)slot,
                                    .param_len = 32,
                                    .key = 1,
                                    .user = (uint64_t)number << 1 | KIND_SIGN};
}

/* The signature lies where the digest was; both go in front of each other for the verification. */
static struct cardmux_request verify(struct cardmux_client *client, int slot, unsigned number)
{
    uint8_t *param = cardmux_slot_param(client, slot);
    memmove(param + 32, param, 64);
    digest_of(number, param);
    return (struct cardmux_request){.op = CARDMUX_VERIFY,
                                    .slot = (uint16_t)slot,
                                    .param_len = 96,
                                    .key = 1,
                                    .user = (uint64_t)number << 1 | KIND_VERIFY};
}

static int run(struct cardmux_client *client, unsigned count)
{
    unsigned next = 0, verified = 0, failed = 0;
    while (verified + failed < count) {
        struct cardmux_request requests[DEPTH];
        struct cardmux_completion done[DEPTH];
        size_t n = 0;
        int slot;
        while (next < count && next - verified - failed < DEPTH && (slot = cardmux_slot_take(client)) >= 0)
            requests[n++] = sign(client, slot, next++);
        if (n && cardmux_submit(client, requests, n) != n)
            return -1;
        size_t got = cardmux_poll(client, done, DEPTH, DEPTH / 2, 10000);
        if (!got) {
            fprintf(stderr, "no answer within ten seconds\n");
            return -1;
        }
        n = 0;
        for (size_t i = 0; i < got; i++) {
            unsigned number = (unsigned)(done[i].user >> 1);
            if (done[i].status == SDR_OK && (done[i].user & 1) == KIND_SIGN) {
                requests[n++] = verify(client, done[i].slot, number);
                continue;
            }
            if (done[i].status == SDR_OK) {
                verified++;
            } else {
                failed++;
                fprintf(stderr, "request %u: 0x%08x\n", number, (unsigned)done[i].status);
            }
            cardmux_slot_free(client, done[i].slot);
        }
        if (n && cardmux_submit(client, requests, n) != n)
            return -1;
    }
    printf("%u signed and verified, %u failed, by %s\n", verified, failed, cardmux_reach(client));
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct cardmux_client *client;
    char text[256];
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    uint32_t status = cardmux_open(NULL, &client, text, sizeof text);
    if (status != SDR_OK) {
        fprintf(stderr, "no virtual card (0x%08x): %s\n", (unsigned)status, text);
        return 1;
    }
    status = cardmux_right_get(client, 1, NULL, 0);
    int result = status == SDR_OK ? run(client, count) : -1;
    if (status != SDR_OK)
        fprintf(stderr, "no right to key 1: 0x%08x\n", (unsigned)status);
    cardmux_close(client);
    return result ? 1 : 0;
}
