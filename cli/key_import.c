/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_import.c: see key_import.h. A file holds one key: an SM2 pair as PEM (what `openssl genpkey -algorithm SM2`
 * writes), a KEK as 16, 24 or 32 bytes. It is sealed here, by the software card, so that neither the socket nor the
 * management process sees it: the private number under a random SM4 key, that under the device's public key; a KEK
 * under the latter at once. Files that are enveloped already hold an EnvelopedECCKey (GM/T 0018-2023) or, for a KEK, an
 * ECCCipher, as sdf.h has them.
 */
#include "cli/key_import.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "cli/code_input.h"

#define FILE_BYTES   8192u
#define NUMBER       CARD_ECC_PRIVATE
#define ENVELOPE_MAX (NUMBER + CARD_ECC_POINT + CARD_PKE_HEAD + CARD_SYM_KEY_MAX)

/* What is in clear here, in memory that is locked as far as it goes, and wiped. */
struct workshop {
    const struct cli *cli;
    struct card *card;
    const struct card_driver *driver;
    uint8_t device[CARD_ECC_POINT];
    uint8_t file[FILE_BYTES];
    size_t file_len;
    uint8_t number[NUMBER], sm4[16];
    uint8_t point[CARD_ECC_POINT];
    uint8_t envelope[ENVELOPE_MAX];
    size_t envelope_len;
};

static bool read_file(struct workshop *w, const char *path)
{
    struct stat st;
    bool own = strcmp(path, "-") != 0;
    int fd = own ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
    ssize_t n = 1;
    w->file_len = 0;
    if (fd < 0) {
        cli_say(w->cli, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
        cli_say(w->cli, "warning: %s can be read by others: chmod 600", path);
    while (w->file_len < sizeof w->file && (n = read(fd, w->file + w->file_len, sizeof w->file - w->file_len)) > 0)
        w->file_len += (size_t)n;
    if (n < 0)
        cli_say(w->cli, "cannot read %s: %s", path, strerror(errno));
    else if (n > 0)
        cli_say(w->cli, "%s is too long for a key", path);
    if (own)
        close(fd);
    return n == 0;
}

/* The pair of a PEM file; libcrypto asks for the file's passphrase where it has one. */
static bool read_pair(struct workshop *w, const char *path)
{
    uint8_t octets[1 + CARD_ECC_POINT];
    size_t len = 0;
    BIO *bio = read_file(w, path) ? BIO_new_mem_buf(w->file, (int)w->file_len) : NULL;
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    uint8_t number[NUMBER] = {0};
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number, sizeof number),
                            OSSL_PARAM_construct_end()};
    bool ok = pkey && EVP_PKEY_is_a(pkey, "SM2") && EVP_PKEY_get_params(pkey, params) == 1 &&
              EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof octets, &len) == 1 &&
              len == sizeof octets;
    if (ok) {
        for (size_t i = 0; i < NUMBER; i++) /* such a parameter is in the machine's byte order */
            w->number[i] = number[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? NUMBER - 1 - i : i];
        memcpy(w->point, octets + 1, sizeof w->point);
    } else if (bio) {
        cli_say(w->cli, "%s holds no private key of SM2 in PEM, or not with that passphrase", path);
    }
    explicit_bzero(number, sizeof number);
    explicit_bzero(w->file, sizeof w->file);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return ok;
}

/* Under the device's public key, behind what is in the envelope. */
static bool seal(struct workshop *w, const uint8_t *bytes, size_t len)
{
    struct card_job job = {.op = CARD_PKE_ENCRYPT,
                           .aux = w->device,
                           .in = bytes,
                           .in_len = len,
                           .out = w->envelope + w->envelope_len,
                           .out_cap = sizeof w->envelope - w->envelope_len};
    w->driver->run(w->card, &job);
    w->envelope_len += job.out_len;
    return job.status == SDR_OK;
}

static bool envelop_pair(struct workshop *w)
{
    struct card_job job = {.op = CARD_ENCRYPT,
                           .alg = SGD_SM4_ECB,
                           .in = w->number,
                           .in_len = NUMBER,
                           .out = w->envelope,
                           .out_cap = NUMBER};
    bool ok = secret_random(w->sm4, sizeof w->sm4) &&
              w->driver->key_import(w->card, CARD_KEY_SYMMETRIC, w->sm4, sizeof w->sm4, &job.key) == SDR_OK;
    if (!ok)
        return false;
    w->driver->run(w->card, &job);
    w->driver->key_free(w->card, job.key);
    memcpy(w->envelope + NUMBER, w->point, sizeof w->point);
    w->envelope_len = NUMBER + sizeof w->point;
    return job.status == SDR_OK && seal(w, w->sm4, sizeof w->sm4);
}

/* ECCCipher without what fills its fields. */
static bool take_cipher(struct workshop *w, const uint8_t *in, size_t len)
{
    const ECCCipher *cipher = (const ECCCipher *)(const void *)in;
    size_t head = offsetof(ECCCipher, C);
    if (len < head || cipher->L > CARD_SYM_KEY_MAX || len < head + cipher->L)
        return false;
    uint8_t *out = w->envelope + w->envelope_len;
    memcpy(out, cipher->x + ECCref_MAX_LEN - 32, 32);
    memcpy(out + 32, cipher->y + ECCref_MAX_LEN - 32, 32);
    memcpy(out + 64, cipher->M, 32);
    memcpy(out + CARD_PKE_HEAD, in + head, cipher->L);
    w->envelope_len += CARD_PKE_HEAD + cipher->L;
    return true;
}

/* The number stands in the last 32 bytes of its field; some write it into the first. */
static bool take_pair_envelope(struct workshop *w)
{
    static const uint8_t nothing[NUMBER];
    const EnvelopedECCKey *key = (const EnvelopedECCKey *)(const void *)w->file;
    size_t head = offsetof(EnvelopedECCKey, ECCCipherBlob);
    if (w->file_len < head || key->Version != 1 || key->ulSymmAlgID != SGD_SM4_ECB || key->ulBits != 256)
        return false;
    const uint8_t *number = key->cbEncryptedPriKey + sizeof key->cbEncryptedPriKey - NUMBER;
    if (memcmp(number, nothing, NUMBER) == 0)
        number = key->cbEncryptedPriKey;
    memcpy(w->envelope, number, NUMBER);
    memcpy(w->envelope + NUMBER, key->PubKey.x + ECCref_MAX_LEN - 32, 32);
    memcpy(w->envelope + NUMBER + 32, key->PubKey.y + ECCref_MAX_LEN - 32, 32);
    w->envelope_len = NUMBER + CARD_ECC_POINT;
    return take_cipher(w, w->file + head, w->file_len - head);
}

static bool make_envelope(struct workshop *w, const char *path, bool pair, bool enveloped)
{
    bool ok;
    w->envelope_len = 0;
    if (enveloped) {
        ok = read_file(w, path) && (pair ? take_pair_envelope(w) : take_cipher(w, w->file, w->file_len));
        if (!ok && w->file_len)
            cli_say(w->cli, pair ? "%s is no EnvelopedECCKey of version 1 with SM4-ECB" : "%s is no ECCCipher of a key",
                    path);
        return ok;
    }
    if (pair) {
        ok = read_pair(w, path);
        if (ok && !(ok = envelop_pair(w)))
            cli_say(w->cli, "libcrypto could not make an envelope to the tenant's device key");
        return ok;
    }
    ok = read_file(w, path);
    if (ok && w->file_len != 16 && w->file_len != 24 && w->file_len != 32) {
        cli_say(w->cli, "%s must hold the 16, 24 or 32 bytes of a KEK, and has %zu", path, w->file_len);
        return false;
    }
    if (ok && !(ok = seal(w, w->file, w->file_len)))
        cli_say(w->cli, "libcrypto could not make an envelope to the tenant's device key");
    return ok;
}

static bool add(struct workshop *w, const char *path, bool pair, bool enveloped, const char *field, json_t *body)
{
    char hex[2 * ENVELOPE_MAX + 1];
    if (!make_envelope(w, path, pair, enveloped))
        return false;
    for (size_t i = 0; i < w->envelope_len; i++)
        snprintf(hex + 2 * i, 3, "%02x", w->envelope[i]);
    json_object_set_new(body, field, json_stringn(hex, 2 * w->envelope_len));
    return true;
}

static bool set_up(struct workshop *w, const char *device)
{
    struct card_options options = {.size = sizeof options};
    char error[CARD_ERROR_TEXT];
    w->driver = card_driver_find("soft");
    for (size_t i = 0; i < sizeof w->device; i++) {
        unsigned byte;
        if (sscanf(device + 2 * i, "%2x", &byte) != 1) {
            cli_say(w->cli, "the daemon tells no public key of the tenant's device key");
            return false;
        }
        w->device[i] = (uint8_t)byte;
    }
    if (w->driver->open(&options, &w->card, error) == SDR_OK)
        return true;
    cli_say(w->cli, "%s", error);
    return false;
}

bool key_import_fill(const struct cli *cli, enum vault_key_kind kind, const struct key_files *files, const char *device,
                     json_t *body)
{
    struct workshop w = {.cli = cli};
    (void)mlock(&w, sizeof w); /* more cannot be done about it here */
    bool ok = files->enveloped || set_up(&w, device);
    if (ok && kind == VAULT_KEY_SM2)
        ok = add(&w, files->sign, true, files->enveloped, "sign", body) &&
             add(&w, files->encrypt, true, files->enveloped, "encrypt", body);
    else if (ok)
        ok = add(&w, files->key, false, files->enveloped, "wrapped", body);
    if (w.card)
        w.driver->close(w.card);
    explicit_bzero(&w, sizeof w);
    munlock(&w, sizeof w);
    return ok;
}
