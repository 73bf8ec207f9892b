/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_import.c: keys that an operator brings, each in an envelope to the tenant's device key (the encrypting pair of
 * SM2 index 0), so that nothing of a key is in clear between whoever made the envelope and the card:
 *
 *     a pair    its private number under SM4-ECB [32], its point [64], and the SM4 key under SM2 [96 + 16]
 *     a KEK     its bytes under SM2 [96 + 16, 24 or 32]
 *
 * SM2 as in SDF's ECCCipher: x || y || M || C. The card opens it, and refuses a pair whose halves do not fit.
 */
#include "backend/broker/act.h"

#include <stdio.h>

static enum vault_result open_one(struct broker *broker, const struct keypair *device, enum vault_key_kind kind,
                                  const struct admin_envelope *envelope, struct vault_secret *secret, char *error)
{
    struct card_job job = {.op = kind == VAULT_KEY_KEK ? CARD_PKE_DECRYPT : CARD_UNENVELOPE,
                           .alg = kind == VAULT_KEY_KEK ? 0 : SGD_SM4_ECB,
                           .key = device->encrypt->card,
                           .in = envelope->bytes,
                           .in_len = envelope->len <= sizeof envelope->bytes ? envelope->len : 0,
                           .out = secret->bytes,
                           .out_cap = sizeof secret->bytes};
    if (broker->card_failed)
        job.status = SDR_HARDFAIL;
    else
        broker->driver->run(broker->card, &job);
    secret->len = job.status == SDR_OK ? job.out_len : 0;
    if (job.status == SDR_OK && !broker->card_failed)
        return VAULT_OK;
    if (job.status == SDR_OK || job.status == SDR_HARDFAIL || job.status == SDR_NOBUFFER) {
        snprintf(error, VAULT_ERROR_TEXT, "the card opened no envelope: look at its state with `cardmux status`");
        return VAULT_IO;
    }
    snprintf(error, VAULT_ERROR_TEXT, "%s",
             job.status == SDR_NOTSUPPORT ? "this card cannot open envelopes"
             : job.status == SDR_KEYERR
                 ? "the envelope's private and public halves do not fit each other"
                 : "the envelope does not open: was it made for the public key (usage encrypt) of SM2 key 0 of this "
                   "tenant, as that is now?");
    return VAULT_INVALID;
}

static void import(struct broker *broker, struct act *act, struct vault_secret *sign, struct vault_secret *encrypt)
{
    struct admin_message *message = &act->message;
    const struct vault_key device_key = {.kind = VAULT_KEY_SM2, .index = 0, .bits = 256};
    enum vault_key_kind kind = message->key.kind;
    struct keypair device;
    bool two = kind == VAULT_KEY_SM2;
    if (!two && kind != VAULT_KEY_KEK) {
        act->result = VAULT_INVALID;
        snprintf(act->error, sizeof act->error, "only SM2 keys and KEKs can be imported");
        return;
    }
    if (!key_fetch(broker, message->tenant.id, &device_key, &device, NULL, act->error)) {
        act->result = VAULT_NOT_FOUND;
        snprintf(act->error, sizeof act->error,
                 "the tenant has no device key to open the envelope: generate SM2 key 0");
        return;
    }
    act->result = open_one(broker, &device, kind, &message->envelopes[two ? 0 : 2], sign, act->error);
    if (act->result == VAULT_OK && two)
        act->result = open_one(broker, &device, kind, &message->envelopes[1], encrypt, act->error);
    pair_release(broker, &device);
    if (act->result == VAULT_OK)
        put_and_load(broker, act, sign, encrypt);
}

void work_key_import(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    if (sign && encrypt) {
        import(broker, act, sign, encrypt);
    } else {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "no locked memory for keys: raise LimitMEMLOCK of cardmuxd");
    }
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    explicit_bzero(act->message.code, sizeof act->message.code);
}
