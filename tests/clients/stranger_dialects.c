/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger_dialects: programs whose headers differ from ours in ways that structures do not show: other numbers, other
 * arguments, `long` results, and what the environment must tell (frontend/sdf/dialect.h). Each case is a process.
 *
 *     stranger_dialects LIBSDF
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/clients/stranger.h"

#define SDR_NOTSUPPORT    0x01000002
#define SDR_OPENDEVICE    0x01000005
#define SDR_ALGNOTSUPPORT 0x01000009
#define SDR_VERIFYERR     0x0100000E
#define FIELD             64

static void *library;
static SGD_HANDLE session;
static int wrong;

#define NEED(truth) need((truth), #truth, __LINE__)

static int need(int truth, const char *what, int line)
{
    if (!truth)
        fprintf(stderr, "stranger_dialects: line %d: %s\n", line, what);
    wrong += !truth;
    return truth;
}

static int begin(void)
{
    SGD_HANDLE device;
    return NEED(SDF_OpenDevice(&device) == SDR_OK) && NEED(SDF_OpenSession(device, &session) == SDR_OK) &&
           NEED(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) == SDR_OK);
}

static SGD_HANDLE key_of(const SGD_UCHAR *bytes, SGD_UINT32 len)
{
    SGD_RV(*import)
    (SGD_HANDLE, const SGD_UCHAR *, SGD_UINT32, SGD_HANDLE *) =
        (SGD_RV(*)(SGD_HANDLE, const SGD_UCHAR *, SGD_UINT32, SGD_HANDLE *))dlsym(library, "SDF_ImportKey");
    SGD_HANDLE key = NULL;
    NEED(import(session, bytes, len, &key) == SDR_OK);
    return key;
}

/* The upper half of a register that an int came back in is the callee's to leave as it likes, but these have `long`. */
static void longs(void)
{
    long (*random)(SGD_HANDLE, unsigned long, SGD_UCHAR *) =
        (long (*)(SGD_HANDLE, unsigned long, SGD_UCHAR *))dlsym(library, "SDF_GenerateRandom");
    long (*hash_init)(SGD_HANDLE, unsigned long, void *, SGD_UCHAR *, unsigned long) =
        (long (*)(SGD_HANDLE, unsigned long, void *, SGD_UCHAR *, unsigned long))dlsym(library, "SDF_HashInit");
    long (*hash_final)(SGD_HANDLE, SGD_UCHAR *, unsigned long *) =
        (long (*)(SGD_HANDLE, SGD_UCHAR *, unsigned long *))dlsym(library, "SDF_HashFinal");
    long (*destroy)(SGD_HANDLE, SGD_HANDLE) = (long (*)(SGD_HANDLE, SGD_HANDLE))dlsym(library, "SDF_DestroyKey");
    SGD_UCHAR bytes[64];
    unsigned long len = sizeof bytes;
    if (!begin())
        return;
    NEED(random(session, 8, bytes) == SDR_OK && random(NULL, 8, bytes) == SDR_INARGERR);
    NEED(hash_init(session, 77, NULL, NULL, 0) == SDR_ALGNOTSUPPORT);
    NEED(hash_final(session, bytes, &len) == SDR_STEPERR);
    NEED(hash_init(session, SGD_SM3, NULL, NULL, 0) == SDR_OK);
    NEED(hash_final(session, bytes, &len) == SDR_OK && len == 32);
    NEED(destroy(session, session) == SDR_INARGERR);
    /* scripts pass a handle on as a number of 32 bits */
    NEED(random((SGD_HANDLE)(uintptr_t)(unsigned)(uintptr_t)session, 8, bytes) == SDR_OK);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEEPBIND 0 /* their runtimes end the program */
#else
#define DEEPBIND RTLD_DEEPBIND
#endif

/* What loaders ask for: no message of dlerror that nobody asked for, in any way of loading. */
static void loading(void)
{
    static const int ways[] = {RTLD_LAZY, RTLD_NOW, RTLD_LAZY | RTLD_GLOBAL, RTLD_NOW | DEEPBIND};
    Dl_info where;
    NEED(dladdr(dlsym(library, "SDF_OpenDevice"), &where));
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        dlerror();
        void *handle = dlopen(where.dli_fname, ways[i]);
        NEED(handle && dlerror() == NULL);
        NEED(dlsym(handle, "SDF_HashInit") == dlsym(library, "SDF_HashInit") && dlerror() == NULL);
        NEED(begin() && dlerror() == NULL);
        NEED(dlclose(handle) == 0);
    }
}

static void sm2_numbers(void)
{
    static const SGD_UINT32 good[] = {0x20000, 0x20100, 0x20200, 0x20201, 0x20400, 0x20800};
    static const SGD_UINT32 bad[] = {0, 0x10100, 0x20300, 0x30100, 0x80100};
    SGD_UCHAR digest[32] = {7}, text[20] = {8}, back[20];
    ECCrefPublicKey sign, encrypt;
    ECCSignature signature;
    ECCCipher cipher;
    SGD_UINT32 n;
    if (!begin())
        return;
    NEED(SDF_ExportSignPublicKey_ECC(session, 1, &sign) == SDR_OK);
    NEED(SDF_ExportEncPublicKey_ECC(session, 1, &encrypt) == SDR_OK);
    NEED(SDF_InternalSign_ECC(session, 1, digest, 32, &signature) == SDR_OK);
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        NEED(SDF_ExternalVerify_ECC(session, good[i], &sign, digest, 32, &signature) == SDR_OK);
        NEED(SDF_ExternalEncrypt_ECC(session, good[i], &encrypt, text, 20, &cipher) == SDR_OK);
        NEED(SDF_InternalDecrypt_ECC(session, 1, good[i], &cipher, back, &n) == SDR_OK && memcmp(text, back, 20) == 0);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        NEED(SDF_ExternalVerify_ECC(session, bad[i], &sign, digest, 32, &signature) == SDR_ALGNOTSUPPORT);
}

/* RSA inside the card with a sixth argument for which pair, as many headers have it, and without. */
static void rsa_usages(void)
{
    typedef SGD_RV inside(SGD_HANDLE, SGD_UINT32, SGD_UINT32, SGD_UCHAR *, SGD_UINT32, SGD_UCHAR *, SGD_UINT32 *);
    inside *private = (inside *)dlsym(library, "SDF_InternalPrivateKeyOperation_RSA");
    inside *public = (inside *)dlsym(library, "SDF_InternalPublicKeyOperation_RSA");
    SGD_RV(*export)
    (SGD_HANDLE, SGD_UINT32, RSArefPublicKey *) =
        (SGD_RV(*)(SGD_HANDLE, SGD_UINT32, RSArefPublicKey *))dlsym(library, "SDF_ExportEncPublicKey_RSA");
    static const SGD_UINT32 sign[] = {0x10000, 0x10100, 0x10001}, encrypt[] = {0x10200, 0x10400, 0x10800};
    SGD_UCHAR in[256] = {0, 1, 2}, out[256], back[256];
    RSArefPublicKey keys[2];
    SGD_UINT32 n = 0;
    if (!begin())
        return;
    NEED(SDF_ExportSignPublicKey_RSA(session, 1, &keys[0]) == SDR_OK && export(session, 1, &keys[1]) == SDR_OK);
    for (int i = 0; i < 6; i++) {
        SGD_UINT32 usage = i < 3 ? sign[i] : encrypt[i - 3];
        NEED(private(session, 1, usage, in, 256, out, &n) == SDR_OK && n == 256);
        NEED(SDF_ExternalPublicKeyOperation_RSA(session, &keys[i / 3], out, 256, back, &n) == SDR_OK);
        NEED(memcmp(in, back, 256) == 0);
        n = 0;
        NEED(public(session, 1, usage, out, 256, back, &n) == SDR_OK && n == 256 && memcmp(in, back, 256) == 0);
    }
    NEED(SDF_InternalPrivateKeyOperation_RSA(session, 1, in, 256, out, &n) == SDR_OK && n == 256);
    NEED(public(session, 1, 0x10100, out, 256, back, &n) == SDR_OK && memcmp(in, back, 256) == 0);
    NEED(private(session, 1, 0x20100, in, 256, out, &n) == SDR_INARGERR);
    NEED(private(session, 1, 0x10100, NULL, 256, out, &n) == SDR_INARGERR);
    NEED(private(session, 1, 0x10200, in, 255, out, &n) == SDR_INARGERR);
    NEED(private(session, 2, 0x10200, in, 256, out, &n) != SDR_OK);
}

static const SGD_UCHAR sm4_key[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

/* GM/T 0002 A.1 (key and text are the same) and FIPS 197 C.1. */
static int is_sm4(SGD_UINT32 alg)
{
    static const SGD_UCHAR right[16] = {0x68, 0x1e, 0xdf, 0x34, 0xd2, 0x06, 0x96, 0x5e,
                                        0x86, 0xb3, 0xe9, 0x4f, 0x53, 0x6e, 0x42, 0x46};
    SGD_UCHAR in[16], out[16];
    SGD_UINT32 n;
    memcpy(in, sm4_key, 16);
    return SDF_Encrypt(session, key_of(sm4_key, 16), alg, NULL, in, 16, out, &n) == SDR_OK &&
           memcmp(out, right, 16) == 0;
}

static int is_aes(SGD_UINT32 alg)
{
    static const SGD_UCHAR right[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                        0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    SGD_UCHAR key[16], in[16], out[16];
    SGD_UINT32 n;
    for (int i = 0; i < 16; i++) {
        key[i] = (SGD_UCHAR)i;
        in[i] = (SGD_UCHAR)(i * 0x11);
    }
    return SDF_Encrypt(session, key_of(key, 16), alg, NULL, in, 16, out, &n) == SDR_OK && memcmp(out, right, 16) == 0;
}

static SGD_RV ecb(SGD_UINT32 alg)
{
    SGD_UCHAR in[16] = {0}, out[16];
    SGD_UINT32 n;
    return SDF_Encrypt(session, key_of(sm4_key, 16), alg, NULL, in, 16, out, &n);
}

static SGD_UINT32 abilities(void)
{
    DEVICEINFO info;
    return NEED(SDF_GetDeviceInfo(session, &info) == SDR_OK) ? info.SymAlgAbility : 0;
}

static void numbers_usual(void)
{
    setenv("CARDMUX_SGD_SM4", "", 1); /* as if it were not there */
    NEED(begin() && is_sm4(0x401) && is_aes(0x2001) && ecb(0x8001) == SDR_ALGNOTSUPPORT);
    NEED((abilities() & 0xff00) == 0x0400);
}

/* What OpenDevice says with these; the dialect is read once, so each is a process. */
static int refused(const char *name, const char *value)
{
    SGD_HANDLE device = NULL;
    int ends[2], status = -1;
    char said[300] = "";
    if (!NEED(pipe(ends) == 0))
        return 0;
    pid_t child = fork();
    if (child == 0) {
        setenv("CARDMUX_DEBUG", "1", 1);
        setenv(name, value, 1);
        dup2(ends[1], 2);
        _exit(SDF_OpenDevice(&device) == SDR_OPENDEVICE && device == NULL ? 0 : 1);
    }
    close(ends[1]);
    int ok = child > 0 && waitpid(child, &status, 0) == child && status == 0 && read(ends[0], said, 299) > 0 &&
             strstr(said, name) && strstr(said, value);
    close(ends[0]);
    if (!ok)
        fprintf(stderr, "stranger_dialects: %s=%s: status %x, %s\n", name, value, (unsigned)status, said);
    return ok;
}

/* A value that says nothing would otherwise be another cipher, or another struct, than the program means. */
static void values_mistyped(void)
{
    static const char *const bad[][2] = {
        {"CARDMUX_SGD_SM4", "SM4"},
        {"CARDMUX_SGD_SM4", "0x2001"},
        {"CARDMUX_SGD_SM4", "0"},
        {"CARDMUX_SGD_SM4", "-1"},
        {"CARDMUX_SGD_AES", "0x10000"},
        {"CARDMUX_SGD_AES", "0x400"},
        {"CARDMUX_SGD_AES", "0xff00"},
        {"CARDMUX_ECC_BITS", "32"},
        {"CARDMUX_ECC_CIPHER", "lxycm"},
        {"CARDMUX_ECC_UPPER", "ignored"},
        {"CARDMUX_IV", "1"},
        {"CARDMUX_RSA_BITS", "4069"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        NEED(refused(bad[i][0], bad[i][1]));
    setenv("CARDMUX_ECC_BITS", "512", 1); /* as it is anyway */
    setenv("CARDMUX_RSA_BITS", "2048", 1);
    setenv("CARDMUX_SGD_SM4", "0x400", 1);
    setenv("CARDMUX_SGD_AES", "0x2000", 1);
    NEED(begin() && is_sm4(0x401) && is_aes(0x2001));
}

/* With what differs an envelope is not looked at: the page behind what a narrow struct has is not there. */
static void envelope_unknown(const char *name, const char *value)
{
    SGD_RV(*import)
    (SGD_HANDLE, SGD_UINT32, SGD_UINT32, SGD_UINT32, void *) =
        (SGD_RV(*)(SGD_HANDLE, SGD_UINT32, SGD_UINT32, SGD_UINT32, void *))dlsym(library, "SDF_ImportKeyPair_ECC");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    setenv(name, value, 1);
    if (!NEED(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0) || !begin())
        return;
    NEED(import(session, 1, SGD_SM2_3, 256, pages + page - 12) == SDR_NOTSUPPORT);
    NEED(import(session, 1, SGD_SM2_3, 256, NULL) == SDR_INARGERR);
}

static void envelope_narrow(void)
{
    envelope_unknown("CARDMUX_ECC_BITS", "256");
}

static void envelope_length_first(void)
{
    envelope_unknown("CARDMUX_ECC_CIPHER", "LxyCM");
}

static void numbers_swapped(void)
{
    SGD_UCHAR iv[16] = {3}, wrapped[32], in[32] = {4}, out[32], back[32], mac[2][16], tag[16];
    SGD_HANDLE made = NULL, taken = NULL;
    SGD_UINT32 n, t;
    setenv("CARDMUX_SGD_SM4", "0x2000", 1);
    if (!NEED(begin() && is_sm4(0x2001) && is_aes(0x401) && ecb(0x801) == SDR_ALGNOTSUPPORT))
        return;
    NEED((abilities() & 0xff00) == 0x2000);
    NEED(SDF_GenerateKeyWithKEK(session, 128, 0x2001, 1, wrapped, &n, &made) == SDR_OK && n == 16);
    NEED(SDF_ImportKeyWithKEK(session, 0x2001, 1, wrapped, n, &taken) == SDR_OK);
    NEED(SDF_EncryptInit(session, made, 0x2002, iv, 16) == SDR_OK);
    NEED(SDF_EncryptUpdate(session, in, 32, out, &n) == SDR_OK && n == 32);
    NEED(SDF_EncryptFinal(session, back, &n) == SDR_OK && n == 0);
    NEED(SDF_CalculateMAC(session, taken, 0x2010, iv, in, 32, mac[0], &n) == SDR_OK);
    NEED(memcmp(mac[0], out + 16, 16) == 0); /* a MAC is CBC's last block */
    memset(iv, 0, 16);
    iv[0] = 3;
    NEED(SDF_Decrypt(session, taken, 0x2002, iv, out, 32, back, &n) == SDR_OK && memcmp(in, back, 32) == 0);
    /* RFC 8998 A.1: SM4-GCM, where the text is A's to F's */
    static const SGD_UCHAR nonce[12] = {0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0xab, 0xcd};
    static const SGD_UCHAR right[16] = {0x83, 0xde, 0x35, 0x41, 0xe4, 0xc2, 0xb5, 0x81,
                                        0x77, 0xe0, 0x65, 0xa9, 0xbf, 0x7b, 0x62, 0xec};
    static const SGD_UCHAR letters[8] = {0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xee, 0xaa};
    SGD_UCHAR n12[12], text[64], sealed[64], aad[20] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                                        0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
    memcpy(n12, nonce, 12);
    for (int i = 0; i < 64; i++)
        text[i] = letters[i / 8];
    NEED(SDF_AuthEnc(session, key_of(sm4_key, 16), 0x02002000, n12, 12, aad, 20, text, 64, sealed, &n, tag, &t) ==
         SDR_OK);
    NEED(t == 16 && memcmp(tag, right, 16) == 0);
}

static void numbers_of_aes(void)
{
    setenv("CARDMUX_SGD_AES", "32768", 1);
    NEED(begin() && is_sm4(0x401) && is_aes(0x8001) && ecb(0x2001) == SDR_ALGNOTSUPPORT);
    NEED((abilities() & 0xff00) == 0x0400);
}

static void iv_kept(void)
{
    static SGD_UCHAR in[100000], out[100000], back[100000];
    SGD_UCHAR iv[16] = {1, 2, 3}, same[16] = {1, 2, 3}, mac[16];
    SGD_UINT32 n;
    setenv("CARDMUX_IV", "keep", 1);
    if (!begin())
        return;
    SGD_HANDLE key = key_of(sm4_key, 16);
    static const SGD_UINT32 modes[] = {SGD_SM4_CBC, SGD_SM4_CFB, SGD_SM4_OFB, SGD_SM4_CTR};
    for (int i = 0; i < 4; i++) {
        memset(in, i + 1, sizeof in);
        NEED(SDF_Encrypt(session, key, modes[i], iv, in, sizeof in - 16, out, &n) == SDR_OK);
        NEED(SDF_Decrypt(session, key, modes[i], iv, out, sizeof in - 16, back, &n) == SDR_OK);
        NEED(memcmp(in, back, sizeof in - 16) == 0 && memcmp(iv, same, 16) == 0);
    }
    NEED(SDF_Encrypt(session, key, SGD_SM4_CBC, iv, in, 64, out, &n) == SDR_OK);
    NEED(SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, in, 64, mac, &n) == SDR_OK);
    NEED(memcmp(iv, same, 16) == 0 && memcmp(mac, out + 48, 16) == 0);
}

static void soil(SGD_UCHAR *field)
{
    memset(field, 0xa5, FIELD - 32);
}

static void upper(int ignored)
{
    SGD_UCHAR digest[32] = {7}, text[20] = {8}, back[20];
    ECCrefPublicKey key;
    ECCSignature signature;
    ECCCipher cipher;
    SGD_UINT32 n;
    if (!begin())
        return;
    NEED(SDF_ExportSignPublicKey_ECC(session, 1, &key) == SDR_OK);
    NEED(SDF_InternalSign_ECC(session, 1, digest, 32, &signature) == SDR_OK);
    soil(signature.r);
    NEED((SDF_ExternalVerify_ECC(session, SGD_SM2_1, &key, digest, 32, &signature) == SDR_OK) == ignored);
    NEED((SDF_InternalVerify_ECC(session, 1, digest, 32, &signature) == SDR_OK) == ignored);
    memset(signature.r, 0, FIELD - 32);
    soil(key.y);
    NEED(SDF_ExternalVerify_ECC(session, SGD_SM2_1, &key, digest, 32, &signature) == (ignored ? SDR_OK : SDR_INARGERR));
    signature.s[FIELD - 1] ^= 1;
    NEED(SDF_InternalVerify_ECC(session, 1, digest, 32, &signature) == SDR_VERIFYERR);
    NEED(SDF_ExportEncPublicKey_ECC(session, 1, &key) == SDR_OK);
    NEED(SDF_ExternalEncrypt_ECC(session, SGD_SM2_3, &key, text, 20, &cipher) == SDR_OK);
    soil(cipher.x);
    NEED((SDF_InternalDecrypt_ECC(session, 1, SGD_SM2_3, &cipher, back, &n) == SDR_OK) == ignored);
    NEED(!ignored || memcmp(text, back, 20) == 0);
}

static void upper_refused(void)
{
    upper(0);
}

static void upper_ignored(void)
{
    setenv("CARDMUX_ECC_UPPER", "ignore", 1);
    upper(1);
}

/* ECCCipher as clength, x, y, C[136], M: with fields of 64 or 32 bytes, C is at 132 or 68. */
static void length_first(unsigned field)
{
    unsigned c_at = 4 + 2 * field, m_at = c_at + 136, size = m_at + field;
    SGD_UCHAR key[132], cipher[4 + 128 + 136 + 64 + 16], text[137], back[136], one[16], other[16], block[16] = {9};
    SGD_HANDLE made, taken;
    SGD_UINT32 n;
    setenv("CARDMUX_ECC_CIPHER", "LxyCM", 1);
    if (!begin())
        return;
    memset(text, 7, sizeof text);
    memset(cipher, 0xa5, sizeof cipher);
    NEED(SDF_ExportEncPublicKey_ECC(session, 1, (void *)key) == SDR_OK);
    NEED(SDF_ExternalEncrypt_ECC(session, SGD_SM2_3, (void *)key, text, 137, (void *)cipher) == SDR_INARGERR);
    NEED(SDF_ExternalEncrypt_ECC(session, SGD_SM2_3, (void *)key, text, 20, (void *)cipher) == SDR_OK);
    NEED(memcmp(cipher, "\x14\0\0\0", 4) == 0 && cipher[c_at + 20] == 0xa5);
    for (unsigned i = 32; i < field; i++)
        NEED(cipher[m_at + i] == 0 && cipher[4 + i - 32] == 0);
    NEED(SDF_InternalDecrypt_ECC(session, 1, SGD_SM2_3, (void *)cipher, back, &n) == SDR_OK && n == 20);
    NEED(memcmp(text, back, 20) == 0);
    NEED(SDF_ExternalEncrypt_ECC(session, SGD_SM2_3, (void *)key, text, 136, (void *)cipher) == SDR_OK);
    NEED(SDF_InternalDecrypt_ECC(session, 1, SGD_SM2_3, (void *)cipher, back, &n) == SDR_OK && n == 136);
    NEED(memcmp(text, back, 136) == 0);
    cipher[m_at] ^= 1;
    NEED(SDF_InternalDecrypt_ECC(session, 1, SGD_SM2_3, (void *)cipher, back, &n) != SDR_OK);
    cipher[0] = 137;
    NEED(SDF_InternalDecrypt_ECC(session, 1, SGD_SM2_3, (void *)cipher, back, &n) == SDR_INARGERR);
    NEED(SDF_GenerateKeyWithIPK_ECC(session, 1, 128, (void *)cipher, &made) == SDR_OK && cipher[0] == 16);
    NEED(SDF_ImportKeyWithISK_ECC(session, 1, (void *)cipher, &taken) == SDR_OK);
    NEED(SDF_Encrypt(session, made, SGD_SM4_ECB, NULL, block, 16, one, &n) == SDR_OK);
    NEED(SDF_Encrypt(session, taken, SGD_SM4_ECB, NULL, block, 16, other, &n) == SDR_OK && memcmp(one, other, 16) == 0);
    for (unsigned i = size; i < size + 16; i++)
        NEED(cipher[i] == 0xa5);
}

static void length_first_wide(void)
{
    length_first(64);
}

static void length_first_narrow(void)
{
    setenv("CARDMUX_ECC_BITS", "256", 1);
    length_first(32);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"longs", longs},
    {"loading", loading},
    {"sm2_numbers", sm2_numbers},
    {"rsa_usages", rsa_usages},
    {"numbers_usual", numbers_usual},
    {"values_mistyped", values_mistyped},
    {"envelope_narrow", envelope_narrow},
    {"envelope_length_first", envelope_length_first},
    {"numbers_swapped", numbers_swapped},
    {"numbers_of_aes", numbers_of_aes},
    {"iv_kept", iv_kept},
    {"upper_refused", upper_refused},
    {"upper_ignored", upper_ignored},
    {"length_first_wide", length_first_wide},
    {"length_first_narrow", length_first_narrow},
};

int main(int argc, char **argv)
{
    int failed = 0;
    library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library)
        return 2;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = -1;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            cases[i].run();
            _exit(wrong != 0);
        }
        int ok = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        printf("%s %s\n", ok ? "ok    " : "FAILED", cases[i].name);
        failed |= !ok;
    }
    return failed;
}
