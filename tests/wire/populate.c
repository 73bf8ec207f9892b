/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/populate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/vault/vault.h"
#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "tests/clients/rsa_raw.h"
#include "tests/wire/harness.h"

static void stop(const char *what)
{
    fprintf(stderr, "populate: %s\n", what);
    exit(2);
}

/* Tenants and keys, made as the daemon makes them. */
static void fill_secret(const struct card_driver *driver, struct card *card, bool pair, struct vault_secret *secret)
{
    struct card_job job = {.op = pair ? CARD_KEYPAIR_GENERATE : CARD_RANDOM,
                           .alg = pair ? SGD_SM2_1 : 0,
                           .out = secret->bytes,
                           .out_cap = pair ? sizeof secret->bytes : 16};
    driver->run(card, &job);
    if (job.status != SDR_OK)
        stop("the card makes no key");
    secret->len = job.out_len;
}

static void test_key(enum rsa_test_key which, struct vault_secret *secret)
{
    secret->len = rsa_test_key(which, secret->bytes);
}

/* RSA pairs at the same indexes, with the same codes. */
static bool put_rsa(struct vault *vault, uint32_t tenant, struct vault_secret *a, struct vault_secret *b, char *error)
{
    test_key(RSA_TEST_SIGN, a);
    test_key(RSA_TEST_ENCRYPT, b);
    if (vault_key_put(vault, tenant, VAULT_KEY_RSA, 1, a, b, NULL, 0, error) != VAULT_OK)
        return false;
    test_key(RSA_TEST_LONG, a);
    test_key(RSA_TEST_LONG, b);
    return vault_key_put(vault, tenant, VAULT_KEY_RSA, 2, a, b, (const uint8_t *)WIRE_CODE, strlen(WIRE_CODE), error) ==
           VAULT_OK;
}

void populate(const char *state_dir, const uint8_t *master, unsigned tenants)
{
    char error[512] = "";
    struct vault_config config = {.state_dir = state_dir, .master = master};
    struct vault *vault = NULL;
    const struct card_driver *driver = card_driver_find("soft");
    struct card *card = NULL;
    struct card_options options = {.size = sizeof options};
    struct vault_secret *a = vault_secret_new(), *b = vault_secret_new();
    if (!driver || driver->open(&options, &card, error) != SDR_OK || !a || !b ||
        vault_create(&config, error) != VAULT_OK || vault_open(&config, &vault, error) != VAULT_OK)
        stop(error);
    for (unsigned i = 0; i < tenants; i++) {
        struct vault_tenant tenant = {.owner_uid = getuid(), .owner_gid = getgid()};
        tenant.flags = i == 0 ? CM_ASKED_ALL : 0;
        snprintf(tenant.name, sizeof tenant.name, "t%u", i);
        bool ok = vault_tenant_add(vault, &tenant, error) == VAULT_OK;
        for (uint32_t index = 1; ok && index <= 2; index++) {
            fill_secret(driver, card, true, a);
            fill_secret(driver, card, true, b);
            ok = vault_key_put(vault, tenant.id, VAULT_KEY_SM2, index, a, b,
                               index == 2 ? (const uint8_t *)WIRE_CODE : NULL, index == 2 ? strlen(WIRE_CODE) : 0,
                               error) == VAULT_OK;
        }
        ok = ok && put_rsa(vault, tenant.id, a, b, error);
        fill_secret(driver, card, false, a);
        ok = ok && vault_key_put(vault, tenant.id, VAULT_KEY_KEK, 1, a, NULL, NULL, 0, error) == VAULT_OK;
        fill_secret(driver, card, false, a);
        if (!ok || vault_key_put(vault, tenant.id, VAULT_KEY_KEK, 2, a, NULL, (const uint8_t *)WIRE_CODE,
                                 strlen(WIRE_CODE), error) != VAULT_OK)
            stop(error);
    }
    vault_secret_free(a);
    vault_secret_free(b);
    vault_close(vault);
    driver->close(card);
}
