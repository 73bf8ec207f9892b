/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arity.c: five functions for which the headers in the field disagree. Two that are not in the standard:
 *
 *   six arguments    (session, index, algorithm, data...)    most vendors, and our sdf.h
 *   five arguments   (session, index, data...)               others, among them a provider that many programs use
 *
 * In the calling conventions of x86-64 and AArch64 both arrive in the same registers, so one function can take both: it
 * looks at the third. An identifier of SM2, or 0, 1, 2 (key kinds in one header), is the longer form; so is any number
 * too small for an address (no program has data below 4 MiB), which is then an unknown algorithm. Only the low 32 bits
 * are compared with identifiers: the convention leaves the upper half of a 32-bit argument undefined. Where the third
 * looks like an identifier but is as large as an address and the fourth cannot be an address, it is the shorter form
 * with a pointer that happens to look so. A pointer argument below the first page is SDR_INARGERR.
 *
 * The two RSA operations inside the card, to which some vendors' headers add which pair of the index is meant, behind
 * the index: an identifier of RSA for signing or for encrypting. They are told apart in the same way. The seventh
 * argument is on the stack in x86-64 then, and looked at in this form only.
 *
 * And SDF_AuthDec, whose printed text has a pointer for the length of the tag where it means a number: a value as small
 * as a tag's length (16 at most; below the first page it is no address in any case) is the length itself.
 */
#define SDF_AuthDec                         header_says_pointer
#define SDF_InternalEncrypt_ECC             header_says_six_encrypt
#define SDF_InternalDecrypt_ECC             header_says_six_decrypt
#define SDF_InternalPublicKeyOperation_RSA  header_says_six_public
#define SDF_InternalPrivateKeyOperation_RSA header_says_six_private
#include "frontend/sdf/aead.h"
#include "frontend/sdf/asym.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#undef SDF_AuthDec
#undef SDF_InternalEncrypt_ECC
#undef SDF_InternalDecrypt_ECC
#undef SDF_InternalPublicKeyOperation_RSA
#undef SDF_InternalPrivateKeyOperation_RSA

#include <string.h>

#define FIRST_DATA 0x400000u
#define FIRST_PAGE 4096u

/* What headers call the RSA keys for encrypting; all other identifiers of RSA are for signing. */
#define RSA_FAMILY 0x00010000u
#define RSA_ENC_A  0x00010200u
#define RSA_ENC_B  0x00010400u
#define RSA_ENC_C  0x00010800u

enum form {
    FORM_FIVE,
    FORM_SIX,
    FORM_SIX_UNKNOWN
};

static enum form form_of(uintptr_t third, uintptr_t fourth)
{
    uint32_t low = (uint32_t)third;
    bool known = low <= 2 || alg_is_sm2(low);
    if (third < FIRST_DATA)
        return known ? FORM_SIX : FORM_SIX_UNKNOWN;
    return known && fourth >= FIRST_PAGE ? FORM_SIX : FORM_FIVE;
}

/* Small numbers in place of pointers become NULL, which the function behind refuses. */
static void *address(uintptr_t bits)
{
    return bits < FIRST_PAGE ? NULL : (void *)bits;
}

SDF_API int SDF_InternalEncrypt_ECC(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5,
                                    uintptr_t a6);
SDF_API int SDF_InternalDecrypt_ECC(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5,
                                    uintptr_t a6);

int SDF_InternalEncrypt_ECC(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5, uintptr_t a6)
{
    enum form form = form_of(a3, a4);
    if (form == FORM_FIVE)
        return asym_encrypt_internal(session, index, true, address(a3), (uint32_t)a4, address(a5));
    return asym_encrypt_internal(session, index, form == FORM_SIX, address(a4), (uint32_t)a5, address(a6));
}

int SDF_InternalDecrypt_ECC(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5, uintptr_t a6)
{
    enum form form = form_of(a3, a4);
    if (form == FORM_FIVE)
        return asym_decrypt_internal(session, index, true, address(a3), address(a4), address(a5));
    return asym_decrypt_internal(session, index, form == FORM_SIX, address(a4), address(a5), address(a6));
}

/* The standard's (index, in, in_len, out, out_len), or, where the third is a pair, one more. */
static int rsa_inside(void *session, bool private_key, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5,
                      uintptr_t a6, const uintptr_t *a7)
{
    uint32_t usage = (uint32_t)a3;
    bool known = (usage & ~0xfffu) == RSA_FAMILY;
    if (!known || (a3 >= FIRST_DATA && a4 < FIRST_PAGE)) {
        if (a3 < FIRST_DATA)
            a3 = 0; /* of no key that there is, and no address */
        return rsa_operate_inside(session, private_key, index, 0, address(a3), (uint32_t)a4, address(a5), address(a6));
    }
    bool encrypting = usage == RSA_ENC_A || usage == RSA_ENC_B || usage == RSA_ENC_C;
    return rsa_operate_inside(session, private_key, index, encrypting, address(a4), (uint32_t)a5, address(a6),
                              address(*a7));
}

SDF_API int SDF_InternalPublicKeyOperation_RSA(void *session, unsigned int index, uintptr_t a3, uintptr_t a4,
                                               uintptr_t a5, uintptr_t a6, uintptr_t a7);
SDF_API int SDF_InternalPrivateKeyOperation_RSA(void *session, unsigned int index, uintptr_t a3, uintptr_t a4,
                                                uintptr_t a5, uintptr_t a6, uintptr_t a7);

int SDF_InternalPublicKeyOperation_RSA(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5,
                                       uintptr_t a6, uintptr_t a7)
{
    return rsa_inside(session, false, index, a3, a4, a5, a6, &a7);
}

int SDF_InternalPrivateKeyOperation_RSA(void *session, unsigned int index, uintptr_t a3, uintptr_t a4, uintptr_t a5,
                                        uintptr_t a6, uintptr_t a7)
{
    return rsa_inside(session, true, index, a3, a4, a5, a6, &a7);
}

SDF_API int SDF_AuthDec(void *session, void *key, unsigned int alg, unsigned char *nonce, unsigned int nonce_len,
                        unsigned char *aad, unsigned int aad_len, unsigned char *tag, uintptr_t tag_len,
                        unsigned char *in, unsigned int in_len, unsigned char *out, unsigned int *out_len);

int SDF_AuthDec(void *session, void *key, unsigned int alg, unsigned char *nonce, unsigned int nonce_len,
                unsigned char *aad, unsigned int aad_len, unsigned char *tag, uintptr_t tag_len, unsigned char *in,
                unsigned int in_len, unsigned char *out, unsigned int *out_len)
{
    uint32_t length = (uint32_t)tag_len;
    if (tag_len >= FIRST_DATA && length >= FIRST_PAGE)
        memcpy(&length, (const void *)tag_len, sizeof length);
    struct aead_args a = {.decrypt = true,
                          .alg = dialect_alg(alg),
                          .nonce = nonce,
                          .nonce_len = nonce_len,
                          .aad = aad,
                          .aad_len = aad_len,
                          .tag = tag,
                          .tag_len = length,
                          .data_len = in_len};
    return aead_open(session, key, &a, in, out, out_len);
}
