/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/sdf/dialect.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cardmux/sdf.h"

#define CIPHER    0x0000ff00u /* of a symmetric identifier; the rest is the mode */
#define NO_CIPHER 0x0000ff00u
#define IV        16u

static struct dialect said;

static char wrong[160]; /* what is wrong with a value */

static const char *value_of(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

/* usual: what may be said too, as it is so anyway; NULL: nothing. */
static bool says(const char *name, const char *value, const char *usual)
{
    const char *is = value_of(name);
    if (is && strcmp(is, value) != 0 && !(usual && strcmp(is, usual) == 0))
        snprintf(wrong, sizeof wrong, "%s is '%.40s', and can only be %s", name, is, value);
    return is && strcmp(is, value) == 0;
}

/* 0: nothing. */
static uint32_t cipher_number(const char *name)
{
    const char *text = value_of(name);
    char *end = NULL;
    unsigned long number = text ? strtoul(text, &end, 0) : 0;
    if (!text)
        return 0;
    if (*end == '\0' && number != 0 && number < NO_CIPHER && (number & ~(unsigned long)CIPHER) == 0)
        return (uint32_t)number;
    snprintf(wrong, sizeof wrong, "%s is '%.40s', not a cipher's number without a mode, such as 0x2000", name, text);
    return 0;
}

static void ask(void)
{
    said.ecc_field = says("CARDMUX_ECC_BITS", "256", "512") ? 32 : ECCref_MAX_LEN;
    said.ecc_upper_ignored = says("CARDMUX_ECC_UPPER", "ignore", NULL);
    said.length_first = says("CARDMUX_ECC_CIPHER", "LxyCM", NULL);
    said.iv_kept = says("CARDMUX_IV", "keep", NULL);
    said.rsa_4096 = says("CARDMUX_RSA_BITS", "4096", "2048");
    said.sm4 = cipher_number("CARDMUX_SGD_SM4");
    said.aes = cipher_number("CARDMUX_SGD_AES");
    if (said.aes == 0)
        said.aes = said.sm4 == SGD_AES ? SGD_SM4 : SGD_AES;
    if (said.sm4 == 0)
        said.sm4 = SGD_SM4;
    if (said.sm4 == said.aes)
        snprintf(wrong, sizeof wrong, "CARDMUX_SGD_SM4 and CARDMUX_SGD_AES: both ciphers would have the number 0x%x",
                 (unsigned)said.sm4);
}

const struct dialect *dialect(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask);
    return &said;
}

const char *dialect_wrong(void)
{
    (void)dialect();
    return wrong[0] ? wrong : NULL;
}

uint32_t dialect_alg(uint32_t alg)
{
    const struct dialect *d = dialect();
    uint32_t cipher = alg & CIPHER, rest = alg & ~CIPHER;
    if (cipher == d->sm4)
        return rest | SGD_SM4;
    if (cipher == d->aes)
        return rest | SGD_AES;
    return cipher == SGD_SM4 || cipher == SGD_AES ? rest | NO_CIPHER : alg;
}

uint32_t dialect_ability(uint32_t ours)
{
    const struct dialect *d = dialect();
    uint32_t theirs = ours & ~(SGD_SM4 | SGD_AES);
    return theirs | (ours & SGD_SM4 ? d->sm4 : 0) | (ours & SGD_AES ? d->aes : 0);
}

void dialect_iv(uint8_t *to, const uint8_t *iv)
{
    if (!dialect()->iv_kept && memcmp(to, iv, IV) != 0)
        memcpy(to, iv, IV);
}
