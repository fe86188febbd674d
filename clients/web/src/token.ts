type Claims = Record<string, unknown>;

function claimsOf(token: string): Claims | undefined {
  try {
    const [, payload = ''] = token.split('.');
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')));
    return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined;
  } catch {
    return undefined;
  }
}

/** When a JWT ends, in milliseconds since 1970; undefined when it does not say, or is no JWT. */
export function expiryOf(token: string | undefined): number | undefined {
  const exp = claimsOf(token ?? '')?.['exp'];
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

/**
 * Whom a token stands for: the same text for all tokens with the same claims but those of time and the token's own id.
 * Only compared, never trusted. For a token that is no JWT, its digest.
 */
export async function principalOf(token: string | undefined): Promise<string> {
  if (!token) return 'nobody';
  const claims = claimsOf(token);
  const { exp, iat, nbf, jti, ...who } = claims ?? { token };
  const text = JSON.stringify(Object.entries(who).sort(([a], [b]) => (a < b ? -1 : 1)));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
