/* SPDX-License-Identifier: Apache-2.0 */
/* fake_derive.c: keys of secure channels in fake_link.c's back end, by the judge's formulas. */
#include "tests/unit/fake_derive.h"

#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/derive_judge.h"
#include "tests/clients/sm2_raw.h"

bool fake_derive_has(uint16_t op)
{
    return op >= CM_OP_DERIVE_TLS && op <= CM_OP_DERIVE_IPSEC_EPK;
}

static const char *hash_of(uint32_t alg)
{
    return alg == SGD_SM3 ? "SM3" : alg == SGD_SHA256 ? "SHA256" : alg == SGD_SHA384 ? "SHA384" : NULL;
}

static uint32_t seal(struct call *call, const struct cm_derive *derive, const struct fake_made *made,
                     const uint8_t *clear)
{
    uint8_t *at = call->out;
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++) {
        if (made->len[i] && !sm2_raw_encrypt(derive->point, made->bytes[i], made->len[i], at))
            return SDR_KEYERR;
        at += made->len[i] ? SM2_HEAD + made->len[i] : 0;
    }
    memcpy(at, clear, cm_derive_clear(derive));
    call->out_len = cm_derive_sealed(derive);
    return SDR_OK;
}

/* The keys, one behind the other, and what is behind them. */
static uint32_t material_make(const struct call *call, const struct cm_derive *derive, const uint8_t *secret,
                              size_t len, uint8_t material[CM_DERIVE_OUT_MAX])
{
    const uint8_t *data = call->data;
    const char *hash = hash_of(call->alg);
    size_t nonces = derive->text_len[0] + derive->text_len[1], n;
    uint8_t keys[3][64];
    if (!hash)
        return SDR_ALGNOTSUPPORT;
    if (call->op <= CM_OP_DERIVE_TLS_EPK)
        return judge_tls(hash, secret, len, data, data + 32, material, CM_DERIVE_OUT_MAX) ? SDR_OK : SDR_SYMOPERR;
    if (call->op >= CM_OP_DERIVE_IPSEC)
        return judge_ipsec(hash, secret, len, data, call->data_len, material, CM_DERIVE_OUT_MAX) ? SDR_OK
                                                                                                 : SDR_SYMOPERR;
    if (!judge_ike(hash, data, nonces, data + nonces, keys, &n))
        return SDR_SYMOPERR;
    for (unsigned i = 0; i < 3; i++) {
        size_t key_len = derive->bits[i] / 8;
        if (i < 2 ? key_len && key_len != n : key_len > n)
            return SDR_INARGERR;
        memcpy(material, keys[i], key_len);
        material += key_len;
    }
    return SDR_OK;
}

uint32_t fake_derive(struct call *call, const uint8_t *secret, size_t len, struct fake_made *made)
{
    uint8_t material[CM_DERIVE_OUT_MAX], *at = material;
    struct cm_derive derive;
    bool sealed = (call->op - CM_OP_DERIVE_TLS) & 1;
    enum cm_derivation kind = (enum cm_derivation)((call->op - CM_OP_DERIVE_TLS) / 2);
    if (!cm_derive_read(call->param, call->param_len, kind, sealed, call->data_len, &derive))
        return SDR_INARGERR;
    uint32_t status = material_make(call, &derive, secret, len, material);
    if (status != SDR_OK)
        return status;
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++) {
        made->len[i] = derive.bits[i] / 8;
        memcpy(made->bytes[i], at, made->len[i]);
        at += made->len[i];
    }
    made->stay = !sealed;
    if (sealed)
        return seal(call, &derive, made, at);
    memset(call->param_out, 0, CM_DERIVE_HANDLES);
    memcpy(call->param_out + CM_DERIVE_HANDLES, at, cm_derive_clear(&derive));
    call->param_out_len = CM_DERIVE_HANDLES + cm_derive_clear(&derive);
    return SDR_OK;
}
