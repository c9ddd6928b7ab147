// Introspection (RFC 7662): tokens of every kind, asked about by every kind of client.
import { send } from '../http.mjs';
import { group, mutations, one, variants } from '../cases.mjs';
import { authenticated, foreign, now, rewritten, signed, tampered } from '../jose.mjs';
import { basic, secretOf } from '../subject.mjs';

const ask = (subject, form) => subject.post('token/introspect', form);
const build = async (subject) => ({ token: (await subject.tokens('app', { scope: 'openid profile email' })).access_token, ...secretOf('app') });

const hints = ['access_token', 'refresh_token', 'requesting_party_token', 'nonsense'];

export default group('introspection',
  mutations(['token', 'client_id', 'client_secret'], build, ask),
  hints.map((hint) => [
    one(`access token, hint ${hint}`, async (subject) => ask(subject, { ...(await build(subject)), token_type_hint: hint })),
    one(`refresh token, hint ${hint}`, async (subject) => ask(subject, { ...secretOf('app'), token: (await subject.tokens()).refresh_token, token_type_hint: hint })),
  ]),
  variants({
    'refresh token': async (subject) => ({ token: (await subject.tokens()).refresh_token }),
    'ID token': async (subject) => ({ token: (await subject.tokens()).id_token }),
    'code': async (subject) => ({ token: await subject.code() }),
    'token of a client itself': async (subject) => ({ token: await subject.own() }),
    'token for another audience': async (subject) => ({ token: (await subject.tokens('hybrid')).access_token }),
    'lightweight token': async (subject) => ({ token: (await subject.tokens('light')).access_token }),
    'changed': async (subject) => ({ token: rewritten((await subject.tokens()).access_token, { exp: now() + 9_999 }) }),
    'with another signature': async (subject) => ({ token: tampered((await subject.tokens()).access_token) }),
    'by a foreign key': (subject) => ({ token: signed({ iss: subject.issuer, aud: 'app', exp: now() + 60, iat: now(), sub: 'x', typ: 'Bearer' }, foreign) }),
    'by the secret': (subject) => ({ token: authenticated({ iss: subject.issuer, aud: 'app', exp: now() + 60, iat: now(), sub: 'x', typ: 'Bearer' }, 'app-secret') }),
    'by nobody': (subject) => ({ token: signed({ iss: subject.issuer, aud: 'app', exp: now() + 60, typ: 'Bearer' }, undefined, { alg: 'none' }) }),
    'asked by the resource': secretOf('resource'),
    'asked by a client outside of the audience': secretOf('hybrid'),
    'asked by a public client': { client_id: 'public', client_secret: undefined },
    'asked by a disabled client': secretOf('disabled'),
    'asked by a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'asked by a client that signs': secretOf('jwt'),
    'with a wrong secret': { client_secret: 'wrong' },
  }, build, ask),
  one('by basic', async (subject) => subject.post('token/introspect', { token: (await subject.tokens()).access_token }, basic('app'))),
  one('by basic, wrong', async (subject) => subject.post('token/introspect', { token: (await subject.tokens()).access_token }, basic('app', 'wrong'))),
  one('as a JWT', async (subject) => subject.post('token/introspect', await build(subject), { accept: 'application/token-introspection+jwt' })),
  one('as a JWT of Keycloak\'s kind', async (subject) => subject.post('token/introspect', await build(subject), { accept: 'application/jwt' })),
  one('as XML', async (subject) => subject.post('token/introspect', await build(subject), { accept: 'application/xml' })),
  one('by a bearer token', async (subject) => {
    const { access_token: token } = await subject.tokens();
    return subject.post('token/introspect', { token }, { authorization: `Bearer ${token}` });
  }),
  one('after logout', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await subject.post('logout', { refresh_token: tokens.refresh_token, ...secretOf('app') });
    return ask(subject, { token: tokens.access_token, ...secretOf('app') });
  }),
  one('after revocation', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await subject.post('revoke', { token: tokens.access_token, ...secretOf('app') });
    return ask(subject, { token: tokens.access_token, ...secretOf('app') });
  }),
  one('after the refresh token was revoked', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await subject.post('revoke', { token: tokens.refresh_token, ...secretOf('app') });
    return ask(subject, { token: tokens.access_token, ...secretOf('app') });
  }),
  one('the token in the query', async (subject) => send({ url: `${subject.at('token/introspect')}?token=x`, form: secretOf('app') })),
);
