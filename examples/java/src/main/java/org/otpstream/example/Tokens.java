package org.otpstream.example;

import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import java.nio.file.Path;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtException;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/** Verifies the service's tokens with Spring Security. */
final class Tokens {
    private final NimbusJwtDecoder decoder;

    /** `jwks` is a file with what `otp-stream keys public` prints. A service that has it at a URL takes `withJwkSetUri`. */
    Tokens(Path jwks) throws Exception {
        decoder = NimbusJwtDecoder.withJwkSource(new ImmutableJWKSet<>(JWKSet.load(jwks.toFile())))
                .jwsAlgorithm(SignatureAlgorithm.ES256)
                .build();
        decoder.setJwtValidator(JwtValidators.createDefaultWithIssuer("otp-stream"));
    }

    /** Throws JwtException if the token was not signed with one of the keys, is not of this issuer, or has expired. */
    Jwt verify(String token) {
        return decoder.decode(token);
    }

    boolean refuses(String token) {
        try {
            verify(token);
            return false;
        } catch (JwtException refused) {
            return true;
        }
    }
}
