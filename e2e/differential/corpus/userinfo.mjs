// Userinfo: who may ask with what, and what is told.
import { json, send } from '../http.mjs';
import { group, one } from '../cases.mjs';
import { foreign, now, proof, rewritten, signed, tampered } from '../jose.mjs';
import { password } from '../realm.mjs';
import { secretOf } from '../subject.mjs';

const ask = (subject, headers, more = {}) => send({ url: subject.at('userinfo'), headers, ...more });
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const withToken = (name, make, more = {}) => one(name, async (subject) => ask(subject, bearer(await make(subject)), more));
const access = (scope, client) => async (subject) => (await subject.tokens(client, { scope })).access_token;

export default group('userinfo',
  ['openid', 'openid profile', 'openid email', 'openid address phone', 'openid roles web-origins microprofile-jwt', 'openid profile email address phone', 'openid organization'].map((scope) => withToken(`for ${scope}`, access(scope))),
  withToken('without openid', access('profile')),
  withToken('of a signed answer', access('openid', 'userinfo')),
  withToken('lightweight', access('openid profile email', 'light')),
  withToken('of a client itself', (subject) => subject.own()),
  withToken('of a client itself with openid', async (subject) => json(await subject.post('token', { grant_type: 'client_credentials', scope: 'openid', ...secretOf('app') })).access_token),
  withToken('ID token', async (subject) => (await subject.tokens()).id_token),
  withToken('refresh token', async (subject) => (await subject.tokens()).refresh_token),
  withToken('code', (subject) => subject.code()),
  withToken('nonsense', () => 'nonsense'),
  withToken('empty', () => ''),
  withToken('too long', () => 'x'.repeat(8_000)),
  withToken('changed', async (subject) => rewritten((await subject.tokens()).access_token, { sub: 'x' })),
  withToken('with another signature', async (subject) => tampered((await subject.tokens()).access_token)),
  withToken('by a foreign key', (subject) => signed({ iss: subject.issuer, exp: now() + 60, iat: now(), sub: 'x', typ: 'Bearer', scope: 'openid' }, foreign)),
  withToken('by nobody', (subject) => signed({ iss: subject.issuer, exp: now() + 60, iat: now(), sub: 'x', typ: 'Bearer', scope: 'openid' }, undefined, { alg: 'none' })),
  withToken('by POST', access('openid profile'), { method: 'POST' }),
  withToken('by PUT', access('openid profile'), { method: 'PUT' }),
  withToken('as a JWT', access('openid profile'), {}),
  one('without a token', (subject) => ask(subject, {})),
  one('without a token by POST', (subject) => ask(subject, {}, { form: {} })),
  one('basic', (subject) => ask(subject, { authorization: 'Basic YTpi' })),
  one('in the form', async (subject) => ask(subject, {}, { form: { access_token: await access('openid')(subject) } })),
  one('in the form twice', async (subject) => {
    const token = await access('openid')(subject);
    return ask(subject, {}, { form: { access_token: [token, token] } });
  }),
  one('in form and header', async (subject) => {
    const token = await access('openid')(subject);
    return ask(subject, bearer(token), { form: { access_token: token } });
  }),
  one('in the query', async (subject) => send({ url: `${subject.at('userinfo')}?access_token=${await access('openid')(subject)}` })),
  one('small letters', async (subject) => ask(subject, { authorization: `bearer ${await access('openid')(subject)}` })),
  one('from a script of another origin', async (subject) => ask(subject, { ...bearer(await access('openid')(subject)), origin: 'http://127.0.0.1:9' })),
  one('from a script of a foreign origin', async (subject) => ask(subject, { ...bearer(await access('openid')(subject)), origin: 'http://evil.test' })),
  one('wrong from a script of another origin', (subject) => ask(subject, { ...bearer('nonsense'), origin: 'http://127.0.0.1:9' })),
  one('preflight', (subject) => ask(subject, { origin: 'http://127.0.0.1:9', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }, { method: 'OPTIONS' })),
  one('after logout', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await subject.post('logout', { refresh_token: tokens.refresh_token, ...secretOf('app') });
    return ask(subject, bearer(tokens.access_token));
  }),
  one('after revocation', async (subject) => {
    const tokens = await subject.tokens('app', { fresh: true });
    await subject.post('revoke', { token: tokens.access_token, ...secretOf('app') });
    return ask(subject, bearer(tokens.access_token));
  }),
  one('bound token', async (subject) => {
    const { access_token: token } = json(await subject.post('token', { grant_type: 'password', username: 'alice', password, client_id: 'bound', scope: 'openid' }, { dpop: proof('POST', subject.at('token')) }));
    const { createHash } = await import('node:crypto');
    const ath = createHash('sha256').update(token).digest('base64url');
    const at = subject.at('userinfo');
    return {
      'as bearer': await ask(subject, bearer(token)),
      'without proof': await ask(subject, { authorization: `DPoP ${token}` }),
      'without hash': await ask(subject, { authorization: `DPoP ${token}`, dpop: proof('GET', at) }),
      'another hash': await ask(subject, { authorization: `DPoP ${token}`, dpop: proof('GET', at, { ath: 'x' }) }),
      'right': await ask(subject, { authorization: `DPoP ${token}`, dpop: proof('GET', at, { ath }) }),
    };
  }),
);
