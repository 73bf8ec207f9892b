/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known answers. Where they are published:
 *     SM4 modes   the examples that go with GB/T 32907 and GB/T 17964 (also in the IETF draft on SM4)
 *     AES         NIST SP 800-38A, appendix F
 *     SM4-GCM CCM RFC 8998, appendix A
 *     SM4-XTS     the example of GB/T 17964-2021, and the same in the manner of IEEE 1619
 *     AES-GCM     the mode's original specification (McGrew and Viega), cases 4, 10 and 16
 *     AES-CCM     NIST SP 800-38C example 3 (128 bits); for 192 and 256 bits libcrypto's answer to the same
 *     AES-XTS     IEEE 1619-2007, vectors 2 (128 bits) and the beginning of 10 (256 bits)
 *     digests     GB/T 32905 example 1; FIPS 180 and FIPS 202 "abc"
 *     HMAC        RFC 2202 and RFC 4231, case 2; HMAC-SM3 and HMAC-SHA-3 with the same key and text, computed by
 *                 other libraries
 *     *-mac       the last block of the CBC example
 *     SM2         GB/T 32918.5, the recommended curve: annex A (signature, Z) and annex C (encryption)
 *     ECDSA       RFC 6979, appendix A.2.5: SHA-256, "sample"
 *     TLS         tls12.xargs.org, a connection of TLS 1.2 byte by byte (SHA-256); for SM3 the secret and the randoms
 * of a connection of TLCP whose master secret is published, for SHA-384 those of the first; the keys of these two
 * computed by another library SM2 key agreement: kat_rsa.c; RSA: kat_rsa_vectors.c
 */
#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

#define SM2_PRIVATE "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
#define SM2_POINT                                                                                                      \
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"                                                 \
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
#define SM2_DIGEST "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
#define SM2_SIGNATURE                                                                                                  \
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"                                                 \
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
#define SM2_PLAINTEXT "656e6372797074696f6e207374616e64617264" /* encryption standard */
#define SM2_CIPHERTEXT                                                                                                 \
    "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"                                                 \
    "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"                                                 \
    "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"                                                 \
    "21886ca989ca9c7d58087307ca93092d651efa"

#define P256_PRIVATE "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define P256_POINT                                                                                                     \
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                                 \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P256_DIGEST "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf" /* of "sample" */
#define P256_SIGNATURE                                                                                                 \
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"                                                 \
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"

const struct kat kats[] = {
    {"random", kat_random, 0, NULL, NULL, NULL, NULL},
    {"sm4-ecb", kat_sym, SGD_SM4_ECB, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb",
     "5ec8143de509cff7b5179f8f474b86192f1d305a7fb17df985f81c8482192304"},
    {"sm4-cbc", kat_sym, SGD_SM4_CBC, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb",
     "78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d"},
    {"sm4-cfb", kat_sym, SGD_SM4_CFB, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb",
     "ac3236cb861dd316e6413b4e3c7524b769d4c54ed433b9a0346009beb37b2b3f"},
    {"sm4-ofb", kat_sym, SGD_SM4_OFB, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb",
     "ac3236cb861dd316e6413b4e3c7524b71d01aca2487ca582cbf5463e6698539b"},
    {"sm4-ctr", kat_sym, SGD_SM4_CTR, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffaaaaaaaaaaaaaaaab"
     "bbbbbbbbbbbbbbb",
     "ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7f234bc0e24c11980fd1286310ce37b926e02fcd0faa0baf38"
     "b2933851d824514"},
    {"sm4-mac", kat_mac, SGD_SM4_MAC, "0123456789abcdeffedcba9876543210", "000102030405060708090a0b0c0d0e0f",
     "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb", "4cb7016951909226979b0d15dc6a8f6d"},
    {"aes-128-ecb", kat_sym, SGD_AES_ECB, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8"
     "223207104725dd4"},
    {"aes-128-cbc", kat_sym, SGD_AES_CBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac091"
     "20eca307586e1a7"},
    {"aes-128-cfb", kat_sym, SGD_AES_CFB, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0ee"
     "ac4c66f9ff7f2e6"},
    {"aes-128-ofb", kat_sym, SGD_AES_OFB, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c7786"
     "6a510d9c1d6ae5e"},
    {"aes-128-ctr", kat_sym, SGD_AES_CTR, "2b7e151628aed2a6abf7158809cf4f3c", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d17"
     "92170a0f3009cee"},
    {"aes-128-mac", kat_mac, SGD_AES_MAC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "3ff1caa1681fac09120eca307586e1a7"},
    {"aes-192-ecb", kat_sym, SGD_AES_ECB, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eefef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72f"
     "b16691603c18e0e"},
    {"aes-192-cbc", kat_sym, SGD_AES_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d"
     "920a9e64f5615cd"},
    {"aes-192-cfb", kat_sym, SGD_AES_CFB, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa04"
     "2ae8fba584b09ff"},
    {"aes-192-ofb", kat_sym, SGD_AES_OFB, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c11004018d9a9aeac0f6596f559c6d4daf59a5f26d9f200857ca6c3e9"
     "cac524bd9acc92a"},
    {"aes-192-ctr", kat_sym, SGD_AES_CTR, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585"
     "a97daec58c6b050"},
    {"aes-192-mac", kat_mac, SGD_AES_MAC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "08b0e27988598881d920a9e64f5615cd"},
    {"aes-256-ecb", kat_sym, SGD_AES_ECB, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff0"
     "67d8d8f9e24ecc7"},
    {"aes-256-cbc", kat_sym, SGD_AES_CBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcd"
     "a6c19078c6a9d1b"},
    {"aes-256-cfb", kat_sym, SGD_AES_CFB, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407bdf10132415e54b92a13ed0a8267ae2f975a385741ab9cef82"
     "031623d55b1e471"},
    {"aes-256-ofb", kat_sym, SGD_AES_OFB, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d71ab47a086e86eedf39d1c5bba97c4080126141d67f37be85"
     "38f5a8be740e484"},
    {"aes-256-ctr", kat_sym, SGD_AES_CTR, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada61"
     "3c2dd08457941a6"},
    {"aes-256-mac", kat_mac, SGD_AES_MAC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17a"
     "d2b417be66c3710",
     "b2eb05e2c39be9fcda6c19078c6a9d1b"},
    {"sm4-gcm", kat_aead, SGD_SM4_GCM, "0123456789abcdeffedcba9876543210",
     "00001234567800000000abcd feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeea"
     "aaaaaaaaaaaaaaa",
     "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b"
     "4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec"},
    {"sm4-ccm", kat_aead, SGD_SM4_CCM, "0123456789abcdeffedcba9876543210",
     "00001234567800000000abcd feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeea"
     "aaaaaaaaaaaaaaa",
     "48af93501fa62adbcd414cce6034d895dda1bf8f132f042098661572e7483094fd12e518ce062c98acee28d95df4416bed31a2f04476c18bb"
     "40c84a74b97dc5b16842d4fa186f56ab33256971fa110f4"},
    {"sm4-xts", kat_xts, SGD_SM4_XTS, "2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f",
     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17",
     "e9538251c71d7b80bbe4483fef497bd12c5c581bd6242fc51e08964fb4f60fdb0ba42f63499279213d318d2c11f6886e903be7f93a1b347"
     "9"},
    {"sm4-xts-ieee", kat_xts, SGD_SM4_XTS_IEEE, "2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f",
     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17",
     "e9538251c71d7b80bbe4483fef497bd1b3db1a3e60408c575d63ff7db39f83260869f9e2585fec9f0b863bf8fd784b8627d16c0db6d2cfc"
     "7"},
    {"aes-128-gcm", kat_aead, SGD_AES_GCM, "feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888 feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657b"
     "a637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973"
     "d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {"aes-192-gcm", kat_aead, SGD_AES_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
     "cafebabefacedbaddecaf888 feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657b"
     "a637b39",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9c"
     "cda27102519498e80f1478f37ba55bd6d27618c"},
    {"aes-256-gcm", kat_aead, SGD_AES_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888 feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657b"
     "a637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0ab"
     "cc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    {"aes-128-ccm", kat_aead, SGD_AES_CCM, "404142434445464748494a4b4c4d4e4f",
     "101112131415161718191a1b 000102030405060708090a0b0c0d0e0f10111213",
     "202122232425262728292a2b2c2d2e2f3031323334353637",
     "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
    {"aes-192-ccm", kat_aead, SGD_AES_CCM, "404142434445464748494a4b4c4d4e4f5051525354555657",
     "101112131415161718191a1b 000102030405060708090a0b0c0d0e0f10111213",
     "202122232425262728292a2b2c2d2e2f3031323334353637",
     "8081316fd89624d62ce7637fb94995b6631c50d61586de0142366952505f995a"},
    {"aes-256-ccm", kat_aead, SGD_AES_CCM, "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
     "101112131415161718191a1b 000102030405060708090a0b0c0d0e0f10111213",
     "202122232425262728292a2b2c2d2e2f3031323334353637",
     "04f883aeb3bd0730eaf50bb6de4fa2212034e4e41b0e75e52b48c8766f7e7649"},
    {"aes-128-xts", kat_xts, SGD_AES_XTS, "1111111111111111111111111111111122222222222222222222222222222222",
     "33333333330000000000000000000000", "4444444444444444444444444444444444444444444444444444444444444444",
     "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"},
    {"aes-256-xts", kat_xts, SGD_AES_XTS,
     "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375"
     "105820974944592",
     "ff000000000000000000000000000000", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"},
    {"sm3", kat_hash, SGD_SM3, NULL, NULL, "616263",
     "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
    {"sha1", kat_hash, SGD_SHA1, NULL, NULL, "616263", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"sha224", kat_hash, SGD_SHA224, NULL, NULL, "616263", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {"sha256", kat_hash, SGD_SHA256, NULL, NULL, "616263",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha384", kat_hash, SGD_SHA384, NULL, NULL, "616263",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {"sha512", kat_hash, SGD_SHA512, NULL, NULL, "616263",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2"
     "a9ac94fa54ca49f"},
    {"sha3-224", kat_hash, SGD_SHA3_224, NULL, NULL, "616263",
     "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"},
    {"sha3-256", kat_hash, SGD_SHA3_256, NULL, NULL, "616263",
     "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
    {"sha3-384", kat_hash, SGD_SHA3_384, NULL, NULL, "616263",
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"},
    {"sha3-512", kat_hash, SGD_SHA3_512, NULL, NULL, "616263",
     "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56"
     "592f8274eec53f0"},
    {"hmac-sm3", kat_mac, SGD_SM3, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "2e87f1d16862e6d964b50a5200bf2b10b764faa9680a296a2405f24bec39f882"},
    {"hmac-sha1", kat_mac, SGD_SHA1, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"hmac-sha224", kat_mac, SGD_SHA224, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
    {"hmac-sha256", kat_mac, SGD_SHA256, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"hmac-sha384", kat_mac, SGD_SHA384, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {"hmac-sha512", kat_mac, SGD_SHA512, "4a656665", NULL, "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b6"
     "36e070a38bce737"},
    {"hmac-sha3-224", kat_mac, SGD_SHA3_224, "4a656665", NULL,
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66"},
    {"hmac-sha3-256", kat_mac, SGD_SHA3_256, "4a656665", NULL,
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"},
    {"hmac-sha3-384", kat_mac, SGD_SHA3_384, "4a656665", NULL,
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "f1101f8cbf9766fd6764d2ed61903f21ca9b18f57cf3e1a23ca13508a93243ce48c045dc007f26a21b3f5e0e9df4c20a"},
    {"hmac-sha3-512", kat_mac, SGD_SHA3_512, "4a656665", NULL,
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5a4bfeab6166427c7a3647b747292b8384537cdb89afb3bf5665e4c5e709350b287baec921fd7ca0ee7a0c31d022a95e1fc92ba9d77df8839"
     "60275beb4e62024"},
    /* in: the message; iv: the signer's id */
    {"sm3-z", kat_sm3_z, SGD_SM3, SM2_POINT, "31323334353637383132333435363738", "6d65737361676520646967657374",
     SM2_DIGEST},
    {"sm2-sign", kat_sm2_sign, SGD_SM2_1, SM2_PRIVATE SM2_POINT, NULL, SM2_DIGEST, NULL},
    {"sm2-verify", kat_sm2_verify, SGD_SM2_1, SM2_POINT, NULL, SM2_DIGEST, SM2_SIGNATURE},
    {"sm2-encrypt", kat_sm2_encrypt, SGD_SM2_3, SM2_PRIVATE SM2_POINT, NULL, SM2_PLAINTEXT, NULL},
    {"sm2-decrypt", kat_sm2_decrypt, SGD_SM2_3, SM2_PRIVATE SM2_POINT, NULL, SM2_CIPHERTEXT, SM2_PLAINTEXT},
    {"sm2-keypair", kat_sm2_keypair, SGD_SM2, NULL, NULL, SM2_DIGEST, NULL},
    {"wrap-pke", kat_wrap_pke, SGD_SM2_3, SM2_PRIVATE SM2_POINT, NULL, NULL, NULL},
    {"wrap-kek", kat_wrap_kek, SGD_SM4_ECB, "0123456789abcdeffedcba9876543210", NULL,
     "0123456789abcdeffedcba9876543210", "681edf34d206965e86b3e94f536e4246"},
    {"sm2-agree", kat_sm2_agree, SGD_SM2_2, NULL, NULL, NULL, NULL},
    {"rsa-public", kat_rsa_public, SGD_RSA, NULL, NULL, NULL, NULL},
    {"rsa-private", kat_rsa_private, SGD_RSA, NULL, NULL, NULL, NULL},
    {"rsa-unwrap", kat_rsa_unwrap, SGD_RSA, NULL, NULL, NULL, NULL},
    {"wrap-rsa", kat_wrap_rsa, SGD_RSA, NULL, NULL, NULL, NULL},
    {"p256-verify", kat_p256_verify, SGD_ECDSA_P256, P256_POINT, NULL, P256_DIGEST, P256_SIGNATURE},
    {"p256-sign", kat_p256_sign, SGD_ECDSA_P256, P256_PRIVATE P256_POINT, NULL, P256_DIGEST, NULL},
    {"tls-sha256", kat_tls, SGD_SHA256, "df4a291baa1eb7cfa6934b29b474baad2697e29f1f920dcc77c8a0a088447624", NULL,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f707172737475767778797a7b7c7d7e7f80818283848586"
     "8788898a8b8c8d8e8f",
     "1b7d117c7d5f690bc263cae8ef60af0f1878acc22ad8bdd8c601a617126f63540eb20906f781fad2f656d037b173ef3e11169f27231a84"
     "b6752a18e7a9fcb7cbcdd8f98dd8f769eba0d2550c9238eebfef5c32251abb67d6434528db4937d540d393135e06a11bb8"},
    {"tls-sm3", kat_tls, SGD_SM3,
     "0101e582aac5064cf164dcac7a14bfec7bf30af646558dc7dc63cbc77265ede6e7721d2161fa098ef3ec41fecbfef107", NULL,
     "b20653c9b35996333d8079cf401fe28791704502700584c4c6a0f04894597de1d76e6bc156b1ba2a5cea6c251b6c2038e00cbd8194132b"
     "c33452e22e0f324f2d",
     "b18d1b2b677ea3ab5c081b6bf281059ec325e9ed2afa64a9c9be87f0925fa60ee450f3dc2868b963dab20103c4059345f8f8a9e7b0118f"
     "ee48a933bc883664ebe5f8542f7b2301c6a3bf39dad815e9c80f318420ad795bbe66da750395c81c48a30c3a50f2651dc59bb7aa29cf5a"
     "3c620afb86a81b2b61d3f0688cfd6debf8e7"},
    {"tls-sha384", kat_tls, SGD_SHA384, "df4a291baa1eb7cfa6934b29b474baad2697e29f1f920dcc77c8a0a088447624", NULL,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f707172737475767778797a7b7c7d7e7f80818283848586"
     "8788898a8b8c8d8e8f",
     "58c9161e22cf734188aedb5d561980dd8a588b9167ad8dd2bdfdeb2b9e77f377fb50104265b68756a7f41acbf16f7228293ac0d478caa1"
     "0da862c1330d28b5ca9b7b64f6d237031fc7f197d8b3addd2dd41870787964808db7554aff6d4267f23f1be5ddc82bf9efe3488866cb9d"
     "963498d3220ccd4954ac20fa7fed160b4439a41edee6c38e328cd78b099ed8424e87fa2b1ce05ebf40a03050150bc821e3ad"},
    {"ike-sm3", kat_ike, SGD_SM3, NULL, NULL,
     "000102030405060708090a0b0c0d0e0f404142434445464748494a4b4c4d4e4f5051525380818283848586879091929394959697",
     "6dec6e79a79e3ef538253fd216d42281922380edb5b92598e99300ca4be4047a686e97bd74a53d00695f9b389ab133a0c8369c726e6535"
     "a6d2fb7d1b4219a06659166beb29ac3628351721effa34737b"},
    {"ipsec-sm3", kat_ipsec, SGD_SM3, "6dec6e79a79e3ef538253fd216d42281922380edb5b92598e99300ca4be4047a", NULL,
     "0301020304000102030405060708090a0b0c0d0e0f404142434445464748494a4b4c4d4e4f50515253",
     "5c5af14985dfefee16aef6f3b76a5c11d6686581a74f61135f1c099a3b16d28662f5baf8ed05a501551a85265e61478d"},
};

const size_t kats_count = sizeof(kats) / sizeof(kats[0]);
