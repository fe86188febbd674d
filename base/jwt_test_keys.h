// Keys for tests: the examples of RFC 7515 (appendices A.1 and A.3), and further ones.
#ifndef WEIR_BASE_JWT_TEST_KEYS_H_
#define WEIR_BASE_JWT_TEST_KEYS_H_

#include <string>
#include <string_view>

#include "base/base64url.h"

namespace weir::test {

inline std::string RfcSecret() {
  return Base64UrlDecode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
      .value();
}

inline constexpr std::string_view kRfcPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";

inline constexpr std::string_view kRfcPrivatePem =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view kRfcPkcs8Pem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kOtherEcPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVPVvEHqBmIe2zUZkpHIj9+RNlciR\n"
    "wKa2dwLot67VORE1dlmM2BnSlk9GQZiNYaaxxSwiK0jAJh13V1+58xE0vw==\n"
    "-----END PUBLIC KEY-----\n";

// Of 2048 bits.
inline constexpr std::string_view kRsaPrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEuwIBADANBgkqhkiG9w0BAQEFAASCBKUwggShAgEAAoIBAQCcJ4wf2MH+mXW/\n"
    "B/bLrtd5kB4rDUalsbndOsqKO4oQ9tq8TR1/2QcwcMvs2qpxcq9Motsk7SebSTVX\n"
    "keYr2fNvQE2/bWLeYMxhSYW5koVLNZtFnCaaMT5Pe+t61s1WyeK81QouzTxTNMAj\n"
    "j5sseu1Pe5uJgU0fABd1RQ0YqeTWJuslJldibyOeWZfqFFYKoyPzH19e4/xQRLDP\n"
    "2ybT13h1P4h41P8gBUQdYMmFcackfbMnfwa04gESYpzFzs4dyEie8DkOxgtCeOar\n"
    "ih3ICfCE8MZuCpnGkmVYXQgrlgQ/vX0nJmop0h/0SMVZlwAndJzGx97GM56v9aBv\n"
    "Z+fes3bZAgMBAAECgf9ATQimadt4ZjjWMQavWOU3FDatWQopBhuYaF0pZDBg9prx\n"
    "GdAhP9J2CqdDy8c5GsCUuNBZ+aNq46Uo1NYIY0yawx/rc7UCsq7LtjrFRPseZ99I\n"
    "YBnaj0HZTm3pEgqmx6YA8WOqt1iKlW4z4S6aDQSAy6WAjyidW1b4MzbxW6701Ozg\n"
    "bskVFv1cJ7pxMmMNBEcfGGXB68em+mv+qJoUShGwtHOQLqB5bf+tA52h95phIWGJ\n"
    "gtIY5WW7gez9F68yL0Nbv5s2MwFvNwXmDA+cNMQxpgV0jvMA5TcNctt6KNQMMIcE\n"
    "/s7FRBumuqA0X00CrKO7/9WANL4anCMSKi5J+m0CgYEA1C1ZQgTLML8aOfgftoHQ\n"
    "Ynzz314X5POYJS+kxfUp4ILrTcUdf5GhWjm+Kazp1nllRufCWyLYKsLRyLzQmSwD\n"
    "d0Z1bFZF20aCtsJDKkroxffI0KveN1O+gUWjZPpERXpifgBmmOibxwTLH6jkXwoM\n"
    "kdcHwaBiFpwodw2Wq9GN+7UCgYEAvGgOqarYMBw22voHqAorm6/zmXRjLAdA5/kP\n"
    "faLWhF265HKiMUNgIkwHGiBfk+y0OT/L/aw5nB7Snp5MglvtZCm0KBZEKZalI7IP\n"
    "zUNpgp+TgPC6RsaVB51bWU4D5lZplmwbga8fkmhMM+qUqk3VXR5c/Phj3LmzE+Vv\n"
    "fBzzLRUCgYEAoG6RuRuK0BcPq5lz0Toi6PV2KQUqqBGQjz2RJ6WSvpH/fdR304e4\n"
    "K1LR+Q0n2uX7sDt5eBPGw75/hXtPdyISlNOP4hTxyTVtjOcihg4SJ+6Nx0rNQaRu\n"
    "vax8OdQKX0aExqVi7mejsj5roErCMyKUEoo28S9mO5Zj+nEp5k0TQKkCgYBEeaFS\n"
    "owg9vBNn1NWxiji9Nd7YWAevOdeqN8gchnFm3FYPr2Ypd25aKL2wDjIOpkn+QKSY\n"
    "Rt8NUdqE0c3G1zhZXhrfMvCFGP5eEdpSZPzU/8BxbYyWKpiBkvxfYc5jCecIR7Rb\n"
    "ltVntcZ0W/66Qt2YIW/0dSZ+U3O1eH7jYfYz3QKBgA7tdzDVWu6hpUnaIq/Mawxp\n"
    "9iE2FLKd25yqpIEM953WozXuXz6X90qPq1oNWKXNjIrl+d5hKT5Vl2nu639OhG+x\n"
    "KgpMIfkZwGEX/fegCOKKAhtebahpXOejkQ/+F+85mrgPDooW0Et8VOXQmjTzdbp9\n"
    "tctXyGzBTdYjdee7gDMJ\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr std::string_view kRsaPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnCeMH9jB/pl1vwf2y67X\n"
    "eZAeKw1GpbG53TrKijuKEPbavE0df9kHMHDL7NqqcXKvTKLbJO0nm0k1V5HmK9nz\n"
    "b0BNv21i3mDMYUmFuZKFSzWbRZwmmjE+T3vretbNVsnivNUKLs08UzTAI4+bLHrt\n"
    "T3ubiYFNHwAXdUUNGKnk1ibrJSZXYm8jnlmX6hRWCqMj8x9fXuP8UESwz9sm09d4\n"
    "dT+IeNT/IAVEHWDJhXGnJH2zJ38GtOIBEmKcxc7OHchInvA5DsYLQnjmq4odyAnw\n"
    "hPDGbgqZxpJlWF0IK5YEP719JyZqKdIf9EjFWZcAJ3ScxsfexjOer/Wgb2fn3rN2\n"
    "2QIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
// Of 2047 bits.
inline constexpr std::string_view kWeakRsaPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBITANBgkqhkiG9w0BAQEFAAOCAQ4AMIIBCQKCAQBgCIxuHFZvqNLeNYHvJeI9\n"
    "064wqZbw7GH82SOAMfZ6OHYrSJ2C/puzJGX/LwMlXe/+G5ex+7KY3L0/o8grhJUA\n"
    "l/PE710yQB0BnwPofWAjRk+L/NvS+Eohk21S7UKtBr+OZrkaaI/FUpQ4TvmR6uTT\n"
    "y674P6QI8ZRGTHhQRzNFqgO1UHbEeY+wDep1qJm9g69fLqxx1T/5Z9/UTfqrRPS5\n"
    "yIT7F5nuFtBJJtB93T1vfCXo+Je89u389OQkwQKge43HBJb4yXJxT5wC7ZKyo0wg\n"
    "nj2sXNHV1Ye9JLhqvdd7lO4UyT2mkf2FeLQ4CasFTDNuvyQd+LmsLLg/fzdQ0Ksb\n"
    "AgMBAAE=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr std::string_view kEd25519PrivatePem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIDTXUwElVwQ+7TeTBUuQ1ocba7lHObfD9lOfuoIlp1RN\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr std::string_view kEd25519PublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAzvR3D/fxNdkKD5z/0+PQyqZ9VU7YDf4XVFlkA0FzcKU=\n"
    "-----END PUBLIC KEY-----\n";
inline constexpr std::string_view kEd448PublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MEMwBQYDK2VxAzoAMIMcHDMw5A3FalJqxSQZ4fhGzF35+aINlqQGiX8hbMm77wQf\n"
    "KQ+i81q0VEY3KQGBjNqrwCJptfwA\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace weir::test

#endif  // WEIR_BASE_JWT_TEST_KEYS_H_
