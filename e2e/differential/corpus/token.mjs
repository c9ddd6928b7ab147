// The token endpoint: every grant, every way of client authentication.
import { json, send } from '../http.mjs';
import { group, mutations, one, values, variants } from '../cases.mjs';
import { assertion, authenticated, foreign, known, now, otherProofKey, proof, rewritten, signed, tampered } from '../jose.mjs';
import { callback, longSecret, password } from '../realm.mjs';
import { basic, challenge, secretOf, verifier } from '../subject.mjs';

const ask = (subject, form) => subject.post('token', form);
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS = 'urn:ietf:params:oauth:token-type:access_token';

const byCode = async (subject) => ({ grant_type: 'authorization_code', code: await subject.code(), redirect_uri: callback, ...secretOf('app') });
const byRefresh = async (subject) => ({ grant_type: 'refresh_token', refresh_token: (await subject.tokens()).refresh_token, ...secretOf('app') });
const byPassword = async () => ({ grant_type: 'password', username: 'alice', password, ...secretOf('app') });
const ofItself = async () => ({ grant_type: 'client_credentials', ...secretOf('app') });

const code = group('authorization code',
  mutations(['grant_type', 'code', 'redirect_uri', 'client_id', 'client_secret'], byCode, ask),
  variants({
    'of another client': async (subject) => ({ code: await subject.code('hybrid') }),
    'with another redirect address': { redirect_uri: `${callback}/other` },
    'with a scope': { scope: 'openid' },
    'with a verifier for which there is no challenge': { code_verifier: verifier },
    'that looks like one': { code: '11111111-1111-1111-1111-111111111111.11111111-1111-1111-1111-111111111111.11111111-1111-1111-1111-111111111111' },
    'with an unknown parameter': { something: 'else' },
    'with the nonce': async (subject) => ({ code: await subject.code('app', { nonce: 'another nonce' }) }),
    'for profile, email and the rest': async (subject) => ({ code: await subject.code('app', { scope: 'openid profile email address phone roles web-origins microprofile-jwt acr basic' }) }),
    'without openid': async (subject) => ({ code: await subject.code('app', { scope: 'profile' }) }),
    'without any scope': async (subject) => ({ code: await subject.code('app', { scope: undefined }) }),
    'with max_age': async (subject) => ({ code: await subject.code('app', { max_age: '3600' }) }),
    'for claims': async (subject) => ({ code: await subject.code('app', { claims: '{"id_token":{"email":{"essential":true},"acr":null}}' }) }),
    'of somebody without a profile': async (subject) => ({ code: await subject.code('app', { scope: 'openid' }, { username: 'offline' }) }),
  }, byCode, ask),
  one('twice', async (subject) => {
    const parameters = { ...(await byCode(subject)), code: await subject.code('app', {}, { fresh: true }) };
    const first = await ask(subject, parameters);
    const again = await ask(subject, parameters);
    const renewal = await ask(subject, { grant_type: 'refresh_token', refresh_token: json(first).refresh_token, ...secretOf('app') });
    return { first, again, renewal };
  }),
  group('challenge',
    mutations(['code_verifier'], async (subject) => ({
      grant_type: 'authorization_code', code: await subject.code('pkce'), redirect_uri: callback, client_id: 'pkce', code_verifier: verifier,
    }), ask),
    variants({
      'verifier too short': { code_verifier: 'short' },
      'verifier with other letters': { code_verifier: `${verifier}!` },
      'the challenge as verifier': { code_verifier: challenge },
    }, async (subject) => ({
      grant_type: 'authorization_code', code: await subject.code('pkce'), redirect_uri: callback, client_id: 'pkce', code_verifier: verifier,
    }), ask),
    one('of the client\'s own will', async (subject) => ask(subject, {
      ...(await byCode(subject)), code: await subject.code('app', { code_challenge: challenge, code_challenge_method: 'S256' }), code_verifier: verifier,
    })),
  ),
  group('client', ['hybrid', 'light', 'userinfo', 'public', 'wildcard'].map((client) => one(client, async (subject) => (
    subject.exchange(client, await subject.code(client, client === 'wildcard' ? { redirect_uri: `${callback}/x` } : {}), client === 'wildcard' ? { redirect_uri: `${callback}/x` } : {})
  )))),
);

const refresh = group('refresh token',
  mutations(['grant_type', 'refresh_token', 'client_id', 'client_secret'], byRefresh, ask),
  variants({
    'of another client': async (subject) => ({ refresh_token: (await subject.tokens('hybrid')).refresh_token }),
    'by another client': secretOf('hybrid'),
    'with another signature': async (subject) => ({ refresh_token: tampered((await subject.tokens()).refresh_token) }),
    'with other claims': async (subject) => ({ refresh_token: rewritten((await subject.tokens()).refresh_token, { exp: now() + 9_999 }) }),
    'that is an access token': async (subject) => ({ refresh_token: (await subject.tokens()).access_token }),
    'that is an ID token': async (subject) => ({ refresh_token: (await subject.tokens()).id_token }),
    'that is a code': async (subject) => ({ refresh_token: await subject.code() }),
    'for less': async (subject) => ({ refresh_token: (await subject.tokens('app', { scope: 'openid profile email' })).refresh_token, scope: 'openid' }),
    'for more': { scope: 'openid phone' },
    'for an unknown scope': { scope: 'openid nonsense' },
    'for the same': { scope: 'openid profile email' },
    'of a public client': async (subject) => ({ refresh_token: (await subject.tokens('public')).refresh_token, client_secret: undefined, client_id: 'public' }),
    'signed by nobody': async (subject) => {
      const [, claims] = (await subject.tokens()).refresh_token.split('.');
      return { refresh_token: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.` };
    },
  }, byRefresh, ask),
  one('after the session has ended', async (subject) => {
    const tokens = json(await ask(subject, { ...(await byPassword()), scope: 'openid' }));
    await subject.post('logout', { refresh_token: tokens.refresh_token, ...secretOf('app') });
    return ask(subject, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...secretOf('app') });
  }),
  one('after it was revoked', async (subject) => {
    const tokens = json(await ask(subject, { ...(await byPassword()), scope: 'openid' }));
    await subject.post('revoke', { token: tokens.refresh_token, ...secretOf('app') });
    return ask(subject, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...secretOf('app') });
  }),
  one('twice, where it is not rotated', async (subject) => {
    const parameters = await byRefresh(subject);
    return { first: await ask(subject, parameters), again: await ask(subject, parameters) };
  }),
  group('offline',
    one('issued', async (subject) => ask(subject, { ...(await byCode(subject)), code: await subject.code('app', { scope: 'openid offline_access' }, { username: 'offline' }) })),
    one('used', async (subject) => ask(subject, {
      grant_type: 'refresh_token', refresh_token: (await subject.tokens('app', { scope: 'openid offline_access', username: 'offline' })).refresh_token, ...secretOf('app'),
    })),
    one('by password', async (subject) => ask(subject, { ...(await byPassword()), username: 'offline', scope: 'offline_access' })),
  ),
);

const passwordGrant = group('password',
  // How far a null byte comes in a name depends on the peer's database.
  mutations(['grant_type', 'username', 'password', 'client_id', 'client_secret'], byPassword, ask, { without: ['username with a null byte'] }),
  variants({
    'with openid': { scope: 'openid' },
    'with more scopes': { scope: 'openid profile email phone address' },
    'with an unknown scope': { scope: 'nonsense' },
    'with openid and an unknown scope': { scope: 'openid nonsense' },
    'with a wrong password': { password: 'wrong' },
    'by e-mail': { username: 'alice@example.test' },
    'in capitals': { username: 'ALICE' },
    'with blanks around the name': { username: ' alice ' },
    'of a disabled account': { username: 'disabled' },
    'of a disabled account, wrong': { username: 'disabled', password: 'wrong' },
    'of an account that has something to do': { username: 'unfinished' },
    'of an account that has something to do, wrong': { username: 'unfinished', password: 'wrong' },
    'of an account without a profile': { username: 'bare' },
    'of an address that is not verified': { username: 'unverified', scope: 'openid email' },
    'for a client that may not': secretOf('hybrid'),
    'for a client that has nothing': secretOf('nothing'),
    'for a public client': { client_id: 'public', client_secret: undefined },
    'for a disabled client': secretOf('disabled'),
    'for a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'for a lightweight client': { ...secretOf('light'), scope: 'openid' },
    'for a client without refresh tokens': { ...secretOf('short'), scope: 'openid' },
    'with a one-time code that nobody asks for': { totp: '123456' },
  }, byPassword, ask),
);

const clientCredentials = group('client credentials',
  mutations(['grant_type', 'client_id', 'client_secret'], ofItself, ask),
  variants({
    'with a scope': { scope: 'profile' },
    'with openid': { scope: 'openid' },
    'with several scopes': { scope: 'openid profile email phone' },
    'with an unknown scope': { scope: 'nonsense' },
    'with a scope twice': { scope: 'profile profile' },
    'with an empty scope': { scope: '' },
    'for offline access': { scope: 'offline_access' },
    'for a client that may not': secretOf('hybrid'),
    'for a public client': { client_id: 'public', client_secret: undefined },
    'for a public client with a secret': { client_id: 'public', client_secret: 'secret' },
    'for a disabled client': secretOf('disabled'),
    'for a disabled client, wrong': { client_id: 'disabled', client_secret: 'wrong' },
    'for a bearer-only client': { client_id: 'bearer', client_secret: 'bearer-secret' },
    'for an unknown client': { client_id: 'nobody' },
    'for a client that signs': secretOf('jwt'),
    'for a client with typed tokens': secretOf('typed'),
    'for a client with refresh tokens': secretOf('short'),
    'with a parameter of another grant': { code: 'code' },
  }, ofItself, ask),
);

const grants = group('grant',
  values('grant_type', ['nonsense', 'implicit', 'CLIENT_CREDENTIALS', 'client_credentials ', '', EXCHANGE, DEVICE, 'urn:openid:params:grant-type:ciba', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:grant-type:saml2-bearer', 'urn:ietf:params:oauth:grant-type:uma-ticket', 'urn:ietf:params:oauth:grant-type:pre-authorized_code'], ofItself, ask),
  one('in the query', (subject) => send({ url: `${subject.at('token')}?grant_type=client_credentials&client_id=app&client_secret=app-secret`, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '' })),
  one('secret in the query', (subject) => send({ url: `${subject.at('token')}?client_id=app&client_secret=app-secret`, form: { grant_type: 'client_credentials' } })),
  one('multipart', (subject) => send({ url: subject.at('token'), headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x\r\ncontent-disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n--x--\r\n' })),
  one('a form of another type', (subject) => send({ url: subject.at('token'), headers: { 'content-type': 'text/plain' }, body: 'grant_type=client_credentials&client_id=app&client_secret=app-secret' })),
  one('a form without type', (subject) => send({ url: subject.at('token'), method: 'POST', body: 'grant_type=client_credentials&client_id=app&client_secret=app-secret' })),
  one('a form that is broken', (subject) => send({ url: subject.at('token'), headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials&client_id=%zz&&&=' })),
  one('bytes that are no text', (subject) => send({ url: subject.at('token'), headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=%ff%fe&client_id=app&client_secret=app-secret' })),
  one('a form with a character set', (subject) => send({ url: subject.at('token'), headers: { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }, body: 'grant_type=client_credentials&client_id=app&client_secret=app-secret' })),
);

const origins = group('scripts of other origins',
  ['http://127.0.0.1:9', 'http://evil.test', 'null'].map((origin) => [
    one(`password grant from ${origin}`, async (subject) => subject.post('token', { ...(await byPassword()) }, { origin })),
    one(`wrong password from ${origin}`, async (subject) => subject.post('token', { ...(await byPassword()), password: 'wrong' }, { origin })),
    one(`wrong secret from ${origin}`, async (subject) => subject.post('token', { ...(await ofItself()), client_secret: 'wrong' }, { origin })),
  ]),
);

const form = { grant_type: 'client_credentials' };
const header = (name, headers, parameters = {}) => one(name, (subject) => subject.post('token', { ...form, ...parameters }, headers));
const jwt = (name, make, parameters = {}) => one(name, async (subject) => subject.post('token', {
  ...form, client_assertion_type: JWT_BEARER, client_assertion: make(subject), ...parameters,
}));

const authentication = group('client authentication',
  group('basic',
    header('as it should be', basic('app')),
    header('with a wrong secret', basic('app', 'wrong')),
    header('with an empty secret', basic('app', '')),
    header('of an unknown client', basic('nobody')),
    header('of a public client', basic('public', '')),
    header('of a disabled client', basic('disabled')),
    header('with the same client in the form', basic('app'), { client_id: 'app' }),
    header('with another client in the form', basic('app'), { client_id: 'hybrid' }),
    header('with the secret in the form too', basic('app'), secretOf('app')),
    header('that is not base64', { authorization: 'Basic !!!' }),
    header('without a colon', { authorization: `Basic ${Buffer.from('app').toString('base64')}` }),
    header('that is empty', { authorization: 'Basic ' }),
    header('in small letters', { authorization: basic('app').authorization.replace('Basic', 'basic') }),
    header('of another scheme', { authorization: 'Digest app' }),
    header('that is a bearer token', { authorization: 'Bearer token' }),
    header('for a client that signs', basic('jwt', 'jwt-secret')),
    header('with percent encoding', basic('app', 'app%2Dsecret')),
  ),
  group('private key',
    jwt('as it should be', (subject) => signed(assertion('jwt', subject.issuer))),
    jwt('with the client named', (subject) => signed(assertion('jwt', subject.issuer)), { client_id: 'jwt' }),
    jwt('with another client named', (subject) => signed(assertion('jwt', subject.issuer)), { client_id: 'app' }),
    jwt('audience in a list', (subject) => signed(assertion('jwt', [subject.issuer]))),
    jwt('audience is the token endpoint', (subject) => signed(assertion('jwt', subject.at('token')))),
    jwt('audience is the pushed request endpoint', (subject) => signed(assertion('jwt', subject.at('ext/par/request')))),
    jwt('two audiences', (subject) => signed(assertion('jwt', [subject.issuer, 'https://other.test']))),
    jwt('another audience', () => signed(assertion('jwt', 'https://other.test'))),
    jwt('no audience', () => signed(assertion('jwt', undefined))),
    jwt('expired', (subject) => signed(assertion('jwt', subject.issuer, { exp: now() - 60, iat: now() - 120 }))),
    jwt('no expiry', (subject) => signed(assertion('jwt', subject.issuer, { exp: undefined }))),
    jwt('lives too long', (subject) => signed(assertion('jwt', subject.issuer, { exp: now() + 86_400 }))),
    jwt('not yet valid', (subject) => signed(assertion('jwt', subject.issuer, { nbf: now() + 3_600 }))),
    jwt('from the future', (subject) => signed(assertion('jwt', subject.issuer, { iat: now() + 3_600, exp: now() + 3_650 }))),
    jwt('no id', (subject) => signed(assertion('jwt', subject.issuer, { jti: undefined }))),
    jwt('no issue time', (subject) => signed(assertion('jwt', subject.issuer, { iat: undefined }))),
    jwt('no issuer', (subject) => signed(assertion('jwt', subject.issuer, { iss: undefined }))),
    jwt('no subject', (subject) => signed(assertion('jwt', subject.issuer, { sub: undefined }))),
    jwt('another issuer', (subject) => signed(assertion('jwt', subject.issuer, { iss: 'other' }))),
    jwt('another subject', (subject) => signed(assertion('jwt', subject.issuer, { sub: 'app' }))),
    jwt('of an unknown client', (subject) => signed(assertion('nobody', subject.issuer))),
    jwt('of a disabled client', (subject) => signed(assertion('disabled', subject.issuer))),
    jwt('of a client with a secret', (subject) => signed(assertion('app', subject.issuer))),
    jwt('by another key', (subject) => signed(assertion('jwt', subject.issuer), foreign)),
    jwt('by nobody', (subject) => signed(assertion('jwt', subject.issuer), known, { alg: 'none' })),
    jwt('by the secret', (subject) => authenticated(assertion('jwt', subject.issuer), 'jwt-secret')),
    jwt('with an unknown key id', (subject) => signed(assertion('jwt', subject.issuer), known, { kid: 'unknown' })),
    jwt('without a key id', (subject) => signed(assertion('jwt', subject.issuer), known, { kid: undefined })),
    jwt('of the explicit type', (subject) => signed(assertion('jwt', subject.issuer), known, { typ: 'client-authentication+jwt' })),
    jwt('of another type', (subject) => signed(assertion('jwt', subject.issuer), known, { typ: 'at+jwt' })),
    jwt('with a critical header', (subject) => signed(assertion('jwt', subject.issuer), known, { crit: ['x'], x: 1 })),
    jwt('that is none', () => 'nonsense'),
    jwt('that is empty', () => ''),
    jwt('with claims that are no object', () => signed('nonsense')),
    jwt('of another assertion type', (subject) => signed(assertion('jwt', subject.issuer)), { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }),
    jwt('without assertion type', (subject) => signed(assertion('jwt', subject.issuer)), { client_assertion_type: undefined }),
    jwt('and a secret', (subject) => signed(assertion('jwt', subject.issuer)), { client_id: 'jwt', client_secret: 'jwt-secret' }),
    one('twice', async (subject) => {
      const parameters = { ...form, client_assertion_type: JWT_BEARER, client_assertion: signed(assertion('jwt', subject.issuer)) };
      return { first: await ask(subject, parameters), again: await ask(subject, parameters) };
    }),
  ),
  group('shared secret',
    jwt('as it should be', (subject) => authenticated(assertion('secret-jwt', subject.issuer), longSecret)),
    jwt('with a secret that is too short', (subject) => authenticated(assertion('weak', subject.issuer), 'weak-secret')),
    jwt('with another secret', (subject) => authenticated(assertion('secret-jwt', subject.issuer), 'wrong')),
    jwt('expired', (subject) => authenticated(assertion('secret-jwt', subject.issuer, { exp: now() - 60, iat: now() - 120 }), longSecret)),
    jwt('another audience', () => authenticated(assertion('secret-jwt', 'https://other.test'), longSecret)),
    jwt('by a key', (subject) => signed(assertion('secret-jwt', subject.issuer))),
    header('the secret itself', {}, { client_id: 'secret-jwt', client_secret: longSecret }),
  ),
);

const byProof = (name, make, client = 'bound') => one(name, async (subject) => subject.post('token', {
  grant_type: 'password', username: 'alice', password, scope: 'openid', ...secretOf(client),
}, make(subject)));

const possession = group('proof of possession',
  byProof('as it should be', (subject) => ({ dpop: proof('POST', subject.at('token')) })),
  byProof('not asked for', (subject) => ({ dpop: proof('POST', subject.at('token')) }), 'app'),
  byProof('missing', () => ({})),
  byProof('that is none', () => ({ dpop: 'nonsense' })),
  byProof('for another method', (subject) => ({ dpop: proof('GET', subject.at('token')) })),
  byProof('for another address', (subject) => ({ dpop: proof('POST', subject.at('userinfo')) })),
  byProof('with a query in the address', (subject) => ({ dpop: proof('POST', `${subject.at('token')}?a=b`) })),
  byProof('too old', (subject) => ({ dpop: proof('POST', subject.at('token'), { iat: now() - 3_600 }) })),
  byProof('from the future', (subject) => ({ dpop: proof('POST', subject.at('token'), { iat: now() + 3_600 }) })),
  byProof('without id', (subject) => ({ dpop: proof('POST', subject.at('token'), { jti: undefined }) })),
  byProof('without time', (subject) => ({ dpop: proof('POST', subject.at('token'), { iat: undefined }) })),
  byProof('of another type', (subject) => ({ dpop: proof('POST', subject.at('token'), {}, undefined, { typ: 'JWT' }) })),
  byProof('without a key', (subject) => ({ dpop: proof('POST', subject.at('token'), {}, undefined, { jwk: undefined }) })),
  byProof('by another key', (subject) => ({ dpop: tampered(proof('POST', subject.at('token'))) })),
  one('renewed', async (subject) => {
    const endpoint = subject.at('token');
    const first = json(await subject.post('token', { grant_type: 'password', username: 'alice', password, client_id: 'bound', scope: 'openid' }, { dpop: proof('POST', endpoint) }));
    const renew = { grant_type: 'refresh_token', refresh_token: first.refresh_token, client_id: 'bound' };
    return {
      none: await subject.post('token', renew),
      other: await subject.post('token', renew, { dpop: proof('POST', endpoint, {}, otherProofKey) }),
      right: await subject.post('token', renew, { dpop: proof('POST', endpoint) }),
    };
  }),
  one('twice', async (subject) => {
    const parameters = { grant_type: 'password', username: 'alice', password, client_id: 'bound' };
    const headers = { dpop: proof('POST', subject.at('token')) };
    return { first: await subject.post('token', parameters, headers), again: await subject.post('token', parameters, headers) };
  }),
);

const byExchange = async (subject) => ({
  grant_type: EXCHANGE, subject_token: (await subject.tokens()).access_token, subject_token_type: ACCESS, ...secretOf('app'),
});
const exchange = group('exchange',
  mutations(['subject_token', 'subject_token_type', 'client_id', 'client_secret'], byExchange, ask),
  variants({
    'for an audience': { audience: 'resource' },
    'for itself': { audience: 'app' },
    'for an unknown audience': { audience: 'nobody' },
    'for an access token': { requested_token_type: ACCESS },
    'for a refresh token': { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    'for an ID token': { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
    'for a JWT': { requested_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
    'for SAML': { requested_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
    'for an unknown type': { requested_token_type: 'nonsense' },
    'of an unknown type': { subject_token_type: 'nonsense' },
    'of an ID token': async (subject) => ({ subject_token: (await subject.tokens()).id_token, subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }),
    'of a refresh token': async (subject) => ({ subject_token: (await subject.tokens()).refresh_token, subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
    'of a forged token': async (subject) => ({ subject_token: tampered((await subject.tokens()).access_token) }),
    'of a token for somebody else': async (subject) => ({ subject_token: (await subject.tokens('hybrid')).access_token }),
    'by a client that may not': secretOf('hybrid'),
    'by a public client': { client_id: 'public', client_secret: undefined },
    'with a scope': { scope: 'email' },
    'with an unknown scope': { scope: 'nonsense' },
    'of the client\'s own token': async (subject) => ({ subject_token: await subject.own() }),
  }, byExchange, ask),
);

const polling = group('polling',
  mutations(['device_code', 'client_id'], async (subject) => ({
    grant_type: DEVICE, client_id: 'public', device_code: json(await subject.post('auth/device', { client_id: 'public' })).device_code,
  }), ask),
  one('of another client\'s device', async (subject) => ask(subject, {
    grant_type: DEVICE, ...secretOf('app'), device_code: json(await subject.post('auth/device', { client_id: 'public' })).device_code,
  })),
  one('too fast', async (subject) => {
    const parameters = { grant_type: DEVICE, client_id: 'public', device_code: json(await subject.post('auth/device', { client_id: 'public' })).device_code };
    return { first: await ask(subject, parameters), again: await ask(subject, parameters) };
  }),
  one('by a client that may not', async (subject) => ask(subject, { grant_type: DEVICE, ...secretOf('hybrid'), device_code: 'code' })),
);

export default group('token', code, refresh, passwordGrant, clientCredentials, grants, origins, authentication, possession, exchange, polling);
