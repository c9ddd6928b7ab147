// Revocation (RFC 7009).
import { json } from '../http.mjs';
import { group, mutations, one, variants } from '../cases.mjs';
import { tampered } from '../jose.mjs';
import { basic, secretOf } from '../subject.mjs';

const ask = (subject, form) => subject.post('revoke', form);
const build = async (subject) => ({ token: (await subject.tokens('app', { fresh: true })).refresh_token, ...secretOf('app') });

export default group('revocation',
  mutations(['token', 'client_id', 'client_secret'], build, ask),
  variants({
    'access token': async (subject) => ({ token: (await subject.tokens()).access_token }),
    'access token, hint': async (subject) => ({ token: (await subject.tokens()).access_token, token_type_hint: 'access_token' }),
    'access token, wrong hint': async (subject) => ({ token: (await subject.tokens()).access_token, token_type_hint: 'refresh_token' }),
    'refresh token, hint': { token_type_hint: 'refresh_token' },
    'refresh token, wrong hint': { token_type_hint: 'access_token' },
    'refresh token, unknown hint': { token_type_hint: 'nonsense' },
    'ID token': async (subject) => ({ token: (await subject.tokens()).id_token }),
    'code': async (subject) => ({ token: await subject.code() }),
    'offline token': async (subject) => ({ token: (await subject.tokens('app', { scope: 'openid offline_access', username: 'offline', fresh: true })).refresh_token }),
    'token of another client': async (subject) => ({ token: (await subject.tokens('hybrid')).refresh_token }),
    'access token of another client': async (subject) => ({ token: (await subject.tokens('hybrid')).access_token }),
    'token of the client itself': async (subject) => ({ token: await subject.own() }),
    'changed': async (subject) => ({ token: tampered((await subject.tokens()).refresh_token) }),
    'with a wrong secret': { client_secret: 'wrong' },
    'by a disabled client': secretOf('disabled'),
    'by a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'by a public client': async (subject) => ({ token: (await subject.tokens('public', { fresh: true })).refresh_token, client_id: 'public', client_secret: undefined }),
    'by a public client, of another': { client_id: 'public', client_secret: undefined },
  }, build, ask),
  one('twice', async (subject) => {
    const parameters = await build(subject);
    return { first: await ask(subject, parameters), again: await ask(subject, parameters) };
  }),
  one('by basic', async (subject) => subject.post('revoke', { token: (await subject.tokens('app', { fresh: true })).refresh_token }, basic('app'))),
  one('from a script of another origin', async (subject) => subject.post('revoke', await build(subject), { origin: 'http://127.0.0.1:9' })),
  one('from a script of a foreign origin', async (subject) => subject.post('revoke', await build(subject), { origin: 'http://evil.test' })),
  one('then renewed', async (subject) => {
    const parameters = await build(subject);
    await ask(subject, parameters);
    return subject.post('token', { grant_type: 'refresh_token', refresh_token: parameters.token, ...secretOf('app') });
  }),
  one('of an access token, then renewed', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await ask(subject, { token: tokens.access_token, ...secretOf('app') });
    const renewed = await subject.post('token', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...secretOf('app') });
    return { renewed, introspected: await subject.post('token/introspect', { token: json(renewed).access_token ?? 'none', ...secretOf('app') }) };
  }),
);
