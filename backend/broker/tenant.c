/* SPDX-License-Identifier: Apache-2.0 */
/* tenant.c: tenants in memory, as loaded from the vault, and keys on their way from there into the card. */
#include "backend/broker/keycache.h"

#include <stdio.h>
#include <stdlib.h>

struct tenant *tenant_by_id(struct broker *broker, uint32_t id)
{
    for (unsigned i = 0; i < broker->tenant_count; i++)
        if (broker->tenants[i]->record.id == id && !broker->tenants[i]->gone)
            return broker->tenants[i];
    return NULL;
}

struct tenant *tenant_by_name(struct broker *broker, const char *name)
{
    for (unsigned i = 0; i < broker->tenant_count; i++)
        if (!strcmp(broker->tenants[i]->record.name, name) && !broker->tenants[i]->gone)
            return broker->tenants[i];
    return NULL;
}

struct key *key_new(struct card_key *card)
{
    struct key *key = malloc(sizeof *key);
    if (key)
        *key = (struct key){.card = card, .refs = 1};
    return key;
}

void key_release(struct broker *broker, struct key *key)
{
    if (!key || --key->refs)
        return;
    broker->driver->key_free(broker->card, key->card);
    free(key->agreement);
    free(key);
}

void pair_release(struct broker *broker, const struct keypair *pair)
{
    key_release(broker, pair->sign);
    key_release(broker, pair->encrypt);
    free(pair->rsa_public);
}

static struct key *import(struct broker *broker, enum card_key_type type, const struct vault_secret *secret)
{
    struct card_key *card = NULL;
    if (broker->driver->key_import(broker->card, type, secret->bytes, secret->len, &card) != SDR_OK)
        return NULL;
    struct key *key = key_new(card);
    if (!key)
        broker->driver->key_free(broker->card, card);
    return key;
}

/* The public half stands in the private bytes: behind a curve's number, in front of RSA's rest. */
static bool pair_publics(struct keypair *pair, const struct vault_secret *sign, const struct vault_secret *encrypt)
{
    if (pair->kind != VAULT_KEY_RSA) {
        memcpy(pair->sign_public, sign->bytes + CARD_ECC_PRIVATE, CARD_ECC_POINT);
        if (vault_kind(pair->kind)->has_encrypt)
            memcpy(pair->encrypt_public, encrypt->bytes + CARD_ECC_PRIVATE, CARD_ECC_POINT);
        return true;
    }
    size_t size = CARD_RSA_PUBLIC_SIZE(pair->bits / 8);
    pair->rsa_public = malloc(2 * size);
    if (!pair->rsa_public)
        return false;
    memcpy(pair->rsa_public, sign->bytes, size);
    memcpy(pair->rsa_public + size, encrypt->bytes, size);
    return true;
}

void key_publics(struct broker *broker, uint32_t tenant, const struct vault_key *key, struct keypair *pair)
{
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    bool two = vault_kind(key->kind)->has_encrypt;
    *pair = (struct keypair){.index = key->index, .kind = key->kind, .bits = key->bits};
    if (sign && encrypt &&
        vault_key_get(broker->vault, tenant, key->kind, key->index, NULL, sign, two ? encrypt : NULL, NULL) == VAULT_OK)
        pair_publics(pair, sign, encrypt);
    vault_secret_free(sign);
    vault_secret_free(encrypt);
}

/* The vault has looked at the lengths. */
static bool pair_import(struct broker *broker, const struct vault_key *key, const struct vault_secret *sign,
                        const struct vault_secret *encrypt, struct keypair *pair)
{
    static const enum card_key_type types[VAULT_KEY_KINDS] = {
        [VAULT_KEY_SM2] = CARD_KEY_SM2_PRIVATE,
        [VAULT_KEY_RSA] = CARD_KEY_RSA_PRIVATE,
        [VAULT_KEY_P256] = CARD_KEY_P256_PRIVATE,
    };
    bool two = vault_kind(key->kind)->has_encrypt;
    *pair = (struct keypair){.index = key->index, .kind = key->kind, .bits = key->bits, .has_code = key->has_code};
    pair->sign = import(broker, types[key->kind], sign);
    pair->encrypt = two ? import(broker, types[key->kind], encrypt) : NULL;
    if (pair->sign && (pair->encrypt || !two) && pair_publics(pair, sign, encrypt))
        return true;
    pair_release(broker, pair);
    return false;
}

bool key_fetch(struct broker *broker, uint32_t tenant, const struct vault_key *key, struct keypair *pair,
               struct kek *kek, char *error)
{
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    bool ok = false;
    if (!sign || !encrypt) {
        snprintf(error, VAULT_ERROR_TEXT, "no locked memory for keys: raise LimitMEMLOCK of cardmuxd");
    } else if (vault_key_get(broker->vault, tenant, key->kind, key->index, NULL, sign,
                             vault_kind(key->kind)->has_encrypt ? encrypt : NULL, error) == VAULT_OK) {
        snprintf(error, VAULT_ERROR_TEXT, "the card refuses key %u", key->index);
        if (key->kind == VAULT_KEY_KEK) {
            *kek = (struct kek){.index = key->index,
                                .bits = key->bits,
                                .has_code = key->has_code,
                                .key = import(broker, CARD_KEY_SYMMETRIC, sign)};
            ok = kek->key != NULL;
        } else {
            ok = pair_import(broker, key, sign, encrypt, pair);
        }
    }
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    return ok;
}

bool key_make(struct broker *broker, enum vault_key_kind kind, uint32_t bits, struct vault_secret *secret)
{
    struct card_job job = {.op = CARD_KEYPAIR_GENERATE, .out = secret->bytes, .out_cap = sizeof secret->bytes};
    size_t len = CARD_ECC_PRIVATE + CARD_ECC_POINT;
    switch (kind) {
    case VAULT_KEY_SM2:
        job.alg = SGD_SM2_1;
        break;
    case VAULT_KEY_P256:
        job.alg = SGD_ECDSA_P256;
        break;
    case VAULT_KEY_RSA:
        job.op = CARD_RSA_KEYPAIR;
        job.in_key_bits = (uint16_t)bits;
        len = CARD_RSA_PRIVATE_SIZE(bits / 8);
        break;
    case VAULT_KEY_KEK:
        job.op = CARD_RANDOM;
        job.out_cap = len = bits / 8;
        break;
    default:
        return false;
    }
    struct random_health health = {0};
    if (broker->card_failed)
        return false;
    broker->driver->run(broker->card, &job);
    secret->len = job.out_len;
    if (job.status != SDR_OK || job.out_len != len)
        return false;
    /* it may have failed meanwhile; and random numbers that are stuck become no key */
    return !broker->card_failed && (kind != VAULT_KEY_KEK || random_holds(&health, secret->bytes, len));
}

struct tenant *tenant_install(struct broker *broker, const struct vault_tenant *record)
{
    struct tenant *tenant = broker->tenant_count < TENANTS_MAX ? calloc(1, sizeof *tenant) : NULL;
    if (!tenant)
        return NULL;
    tenant->broker = broker;
    tenant->record = *record;
    broker->tenants[broker->tenant_count++] = tenant;
    return tenant;
}

void tenant_set_record(struct tenant *tenant, const struct vault_tenant *record)
{
    struct vault_tenant *now = &tenant->record;
    now->flags = record->flags;
    now->owner_uid = record->owner_uid;
    now->owner_gid = record->owner_gid;
    now->max_connections = record->max_connections;
    now->max_sessions = record->max_sessions;
    now->max_handles = record->max_handles;
    now->weight = record->weight;
    now->cid = record->cid;
    _Static_assert(sizeof *now == sizeof now->id + VAULT_NAME_MAX + 1 + 17 + 2 + 8 * sizeof now->cid,
                   "a new field is one that is set, or one that stays");
}

void tenant_set_policy(struct tenant *tenant, const struct vault_policy *policy)
{
    tenant->policy = *policy;
    tenant->restricted = policy->denied.denied_classes || policy->denied.denied_algs;
}

void tenant_load_policy(struct broker *broker, struct tenant *tenant)
{
    struct vault_policy policy;
    char error[VAULT_ERROR_TEXT] = "";
    if (vault_policy_get(broker->vault, tenant->record.id, &policy, error) != VAULT_OK) {
        broker_log("tenant %s may do nothing: %s", tenant->record.name, error);
        policy = (struct vault_policy){.denied = cm_policy_all, .codes = VAULT_CODES_ALWAYS};
    }
    tenant_set_policy(tenant, &policy);
}

void tenant_dispose(struct broker *broker, struct tenant *tenant)
{
    if (!tenant->gone || tenant->regions || tenant->working || tenant->making || tenant->resuming)
        return;
    keycache_drop_all(broker, tenant);
    for (unsigned i = 0; i < broker->tenant_count; i++)
        if (broker->tenants[i] == tenant)
            broker->tenants[i] = broker->tenants[--broker->tenant_count];
    free(tenant);
}

void tenant_remove(struct broker *broker, struct tenant *tenant)
{
    tenant->gone = true;
    regions_drop(broker, tenant);
    tenant_dispose(broker, tenant);
}

/* Listing and reading are apart: the vault's callbacks must not call the vault. */
struct listing {
    void *items;
    size_t count, room, size;
    bool failed;
};

static bool listing_add(struct listing *list, const void *item)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        void *grown = realloc(list->items, room * list->size);
        if (!grown) {
            list->failed = true;
            return false;
        }
        list->items = grown;
        list->room = room;
    }
    memcpy((char *)list->items + list->count++ * list->size, item, list->size);
    return true;
}

static bool add_tenant(void *arg, const struct vault_tenant *tenant)
{
    return listing_add(arg, tenant);
}

bool tenants_load(struct broker *broker, char *error)
{
    struct listing list = {.size = sizeof(struct vault_tenant)};
    bool ok = vault_tenant_each(broker->vault, add_tenant, &list, error) == VAULT_OK && !list.failed;
    for (size_t i = 0; ok && i < list.count; i++) {
        struct tenant *tenant = tenant_install(broker, (const struct vault_tenant *)list.items + i);
        if (tenant)
            tenant_load_policy(broker, tenant);
        else
            snprintf(error, VAULT_ERROR_TEXT, "there are more than %u tenants", TENANTS_MAX);
        ok = tenant != NULL;
    }
    free(list.items);
    return ok;
}
