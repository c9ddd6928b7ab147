// Signed tokens of the applications, by Node's own cryptography.
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign as signature } from 'node:crypto';

const encoded = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);
export const sha256 = (text) => createHash('sha256').update(text).digest('base64url');

function pair(kid, alg, type, options) {
  const { privateKey, publicKey } = generateKeyPairSync(type, options);
  return { kid, alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

/** The key that the clients have registered, and one that nobody knows. */
export const known = pair('known', 'ES256', 'ec', { namedCurve: 'P-256' });
export const foreign = pair('known', 'ES256', 'ec', { namedCurve: 'P-256' });
export const proofKey = pair('proof', 'ES256', 'ec', { namedCurve: 'P-256' });
export const otherProofKey = pair('other', 'ES256', 'ec', { namedCurve: 'P-256' });

/** A signed token. `header` adds to and replaces the usual one; `alg: none` has no signature. */
export function signed(claims, key = known, header = {}) {
  const head = { alg: key.alg, typ: 'JWT', kid: key.kid, ...header };
  const input = `${encoded(head)}.${encoded(claims)}`;
  if (head.alg === 'none') return `${input}.`;
  const made = signature('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${made.toString('base64url')}`;
}

/** The same by a shared secret. */
export function authenticated(claims, secret, header = {}) {
  const input = `${encoded({ alg: 'HS256', typ: 'JWT', ...header })}.${encoded(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** Claims of an assertion by which a client proves who it is. */
export const assertion = (client, audience, changes = {}) => ({
  iss: client, sub: client, aud: audience, jti: randomUUID(), iat: now(), exp: now() + 50, ...changes,
});

/** A DPoP proof (RFC 9449) for one request. */
export function proof(method, url, changes = {}, key = proofKey, header = {}) {
  const { kty, crv, x, y } = key.jwk;
  return signed({ htm: method, htu: url, jti: randomUUID(), iat: now(), ...changes }, key,
    { typ: 'dpop+jwt', kid: undefined, jwk: { kty, crv, x, y }, ...header });
}

/** Header and claims of a compact JWS, unverified; nothing where it is none. */
export function decode(token) {
  const parts = token.split('.');
  if (parts.length !== 3 || !parts[0].startsWith('ey')) return undefined;
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
    return { header, claims };
  } catch {
    return undefined;
  }
}

/** The token with another signature, and with another claim under the old one. */
export const tampered = (token) => `${token.slice(0, -8)}${token.slice(-8) === 'AAAAAAAA' ? 'BBBBBBBB' : 'AAAAAAAA'}`;
export function rewritten(token, changes) {
  const [header, claims, mark] = token.split('.');
  return [header, encoded({ ...JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')), ...changes }), mark].join('.');
}
