/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/hostile_load.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "proto/ops.h"

#define DEPTH  16
#define INPUTS 16
#define BYTES  4096u

struct load {
    struct cardmux_client *client;
    struct load_counts *counts;
    uint32_t key;
    uint8_t input[INPUTS][BYTES];
    uint8_t digest[INPUTS][32];
};

static void stop(const char *what, const char *why, uint32_t status)
{
    fprintf(stderr, "load: %s: %s (0x%08x)\n", what, why, (unsigned)status);
    exit(2);
}

static void wrong(struct load *load, const char *what)
{
    if (atomic_fetch_add(&load->counts->wrong, 1) < 5)
        fprintf(stderr, "load: a wrong result: %s\n", what);
}

/* A request by itself; its slot stays the caller's. */
static uint32_t one(struct load *load, const struct cardmux_request *request, struct cardmux_completion *done)
{
    if (cardmux_submit(load->client, request, 1) != 1 || cardmux_poll(load->client, done, 1, 1, -1) != 1)
        return SDR_COMMFAIL;
    return done->status;
}

struct load *load_open(const char *path, struct load_counts *counts)
{
    char text[256] = "";
    struct load *load = calloc(1, sizeof *load);
    struct cardmux_options options = {.size = sizeof options, .reach = "unix", .where = path};
    struct cardmux_completion done;
    uint32_t status = load ? cardmux_open(&options, &load->client, text, sizeof text) : SDR_NOBUFFER;
    if (status != SDR_OK)
        stop(path, text, status);
    load->counts = counts;
    for (unsigned i = 0; i < INPUTS; i++) {
        for (unsigned k = 0; k < BYTES; k++)
            load->input[i][k] = (uint8_t)(i * 31 + k * 7 + (k >> 8));
        EVP_Digest(load->input[i], BYTES, load->digest[i], NULL, EVP_sm3(), NULL);
    }
    int slot = cardmux_slot_take(load->client);
    struct cardmux_request make = {
        .op = CM_OP_KEY_GENERATE_KEK, .slot = (uint16_t)slot, .key = 1, .alg = SGD_SM4_ECB, .arg = 128};
    status = one(load, &make, &done);
    cardmux_slot_free(load->client, slot);
    if (status == SDR_OK)
        status = cardmux_right_get(load->client, 1, NULL, 0);
    if (status != SDR_OK)
        stop(path, "no key", status);
    load->key = done.value;
    return load;
}

void load_close(struct load *load)
{
    cardmux_close(load->client);
    free(load);
}

static void hash_many(struct load *load, unsigned total)
{
    unsigned sent = 0, got = 0;
    while (got < total) {
        struct cardmux_completion done[DEPTH];
        struct cardmux_request requests[DEPTH];
        unsigned n = 0;
        for (; sent < total && sent - got < DEPTH; n++, sent++) {
            int slot = cardmux_slot_take(load->client);
            memcpy(cardmux_slot_data(load->client, slot), load->input[sent % INPUTS], BYTES);
            requests[n] = (struct cardmux_request){
                .op = CARDMUX_HASH, .slot = (uint16_t)slot, .alg = SGD_SM3, .data_len = BYTES, .user = sent % INPUTS};
        }
        if (n && cardmux_submit(load->client, requests, n) != n)
            atomic_fetch_add(&load->counts->failed, 1);
        size_t ready = cardmux_poll(load->client, done, DEPTH, DEPTH / 2, -1);
        if (!ready)
            stop("hash", "no answer", SDR_COMMFAIL);
        for (size_t i = 0; i < ready; i++, got++) {
            if (done[i].status != SDR_OK)
                atomic_fetch_add(&load->counts->failed, 1);
            else if (done[i].param_len != 32 ||
                     memcmp(cardmux_slot_param(load->client, done[i].slot), load->digest[done[i].user], 32) != 0)
                wrong(load, "hash");
            cardmux_slot_free(load->client, done[i].slot);
        }
        atomic_fetch_add(&load->counts->done, ready);
    }
}

static void sign_and_verify(struct load *load)
{
    int slot = cardmux_slot_take(load->client);
    uint8_t *param = cardmux_slot_param(load->client, slot), signature[64];
    struct cardmux_request request = {.op = CARDMUX_SIGN, .slot = (uint16_t)slot, .key = 1, .param_len = 32};
    struct cardmux_completion done;
    memcpy(param, load->digest[0], 32);
    if (one(load, &request, &done) != SDR_OK) {
        atomic_fetch_add(&load->counts->failed, 1);
    } else {
        memcpy(signature, param, sizeof signature);
        memcpy(param, load->digest[0], 32);
        memcpy(param + 32, signature, sizeof signature);
        request.op = CARDMUX_VERIFY;
        request.param_len = 96;
        if (one(load, &request, &done) != SDR_OK)
            wrong(load, "signature");
    }
    cardmux_slot_free(load->client, slot);
}

static void there_and_back(struct load *load)
{
    int slot = cardmux_slot_take(load->client);
    uint8_t *data = cardmux_slot_data(load->client, slot);
    struct cardmux_request request = {
        .op = CARDMUX_ENCRYPT, .slot = (uint16_t)slot, .key = load->key, .alg = SGD_SM4_CBC, .data_len = BYTES};
    struct cardmux_completion done;
    memcpy(data, load->input[1], BYTES);
    uint32_t status = one(load, &request, &done);
    if (status == SDR_OK && !memcmp(data, load->input[1], BYTES))
        wrong(load, "encryption");
    request.op = CARDMUX_DECRYPT;
    if (status == SDR_OK)
        status = one(load, &request, &done);
    if (status != SDR_OK)
        atomic_fetch_add(&load->counts->failed, 1);
    else if (memcmp(data, load->input[1], BYTES) != 0)
        wrong(load, "decryption");
    cardmux_slot_free(load->client, slot);
}

void load_round(struct load *load)
{
    hash_many(load, 64);
    sign_and_verify(load);
    there_and_back(load);
}
