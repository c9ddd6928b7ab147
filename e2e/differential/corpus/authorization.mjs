// The authorization endpoint, and the login page behind it in a browser.
import { Jar, send } from '../http.mjs';
import { group, mutations, one, values, variants } from '../cases.mjs';
import { foreign, known, now, rewritten, signed } from '../jose.mjs';
import { callback, password } from '../realm.mjs';
import { challenge } from '../subject.mjs';

const build = (client, changes = {}) => async (subject) => subject.request(client, changes);
/** In a browser in which nobody is signed in. */
const asked = (subject, parameters) => send({ url: subject.authorization(parameters) });
/** In one in which somebody is; what the server ends with. */
const signedIn = (subject, parameters) => subject.authorize(parameters);

const MODES = ['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt', 'nonsense', ''];
const TYPES = ['code', 'token', 'id_token', 'id_token token', 'token id_token', 'code token', 'code id_token', 'code id_token token', 'none', 'nonsense', 'code nonsense', 'code code', '', 'CODE', 'code token id_token'];

const parameters = group('parameters',
  group('nobody signed in', mutations(['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'nonce'], build('app'), asked)),
  group('somebody signed in', mutations(['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'nonce'], build('app'), signedIn)),
  one('by POST', (subject) => send({ url: subject.at('auth'), form: subject.request('app') })),
  one('by POST with nothing', (subject) => send({ url: subject.at('auth'), form: {} })),
  one('by PUT', (subject) => send({ url: subject.authorization(subject.request('app')), method: 'PUT' })),
  one('by HEAD', (subject) => send({ url: subject.authorization(subject.request('app')), method: 'HEAD' })),
  one('registration', (subject) => send({ url: `${subject.at('registrations')}?${new URLSearchParams(subject.request('app'))}` })),
  one('reset of a password', (subject) => send({ url: `${subject.at('forgot-credentials')}?${new URLSearchParams(subject.request('app'))}` })),
  variants({
    'scope is unknown': { scope: 'openid nonsense' },
    'scope twice': { scope: 'openid openid' },
    'a scope without openid': { scope: 'profile' },
    'audience': { audience: 'resource' },
    'resource': { resource: 'https://resource.test' },
    'registration parameter': { registration: '{}' },
    'unknown parameter': { something: 'else' },
    'acr_values': { acr_values: '1' },
    'acr_values of an unknown level': { acr_values: 'gold' },
    'claims': { claims: '{"userinfo":{"email":null}}' },
    'claims that are none': { claims: '{' },
    'essential acr that is unknown': { claims: '{"id_token":{"acr":{"essential":true,"values":["gold"]}}}' },
    'essential acr that is known': { claims: '{"id_token":{"acr":{"essential":true,"values":["1"]}}}' },
    'display': { display: 'popup' },
    'ui_locales': { ui_locales: 'de en' },
    'login_hint': { login_hint: 'bob' },
    'kc_idp_hint of an unknown provider': { kc_idp_hint: 'nowhere' },
    'kc_action': { kc_action: 'UPDATE_PASSWORD' },
    'kc_action that is unknown': { kc_action: 'NONSENSE' },
    'id_token_hint that is none': { id_token_hint: 'nonsense' },
    'id_token_hint': async (subject) => ({ id_token_hint: (await subject.tokens()).id_token }),
    'dpop_jkt': { dpop_jkt: challenge },
  }, build('app'), signedIn),
  values('max_age', ['0', '3600', '-1', 'nonsense', '99999999999999999999', ''], build('app'), signedIn),
);

const prompts = group('prompt',
  group('nobody signed in', values('prompt', ['none', 'login', 'consent', 'select_account', 'create', 'login consent', 'none login', 'nonsense', ''], build('app'), asked)),
  group('somebody signed in', values('prompt', ['none', 'login', 'consent', 'select_account', 'create', 'login consent', 'none login', 'nonsense', ''], build('app'), signedIn)),
  one('none, with consent outstanding', (subject) => signedIn(subject, subject.request('consent', { prompt: 'none' }))),
  one('none, in a fragment', (subject) => asked(subject, subject.request('hybrid', { prompt: 'none', response_type: 'id_token' }))),
  one('none, in a form', (subject) => asked(subject, subject.request('app', { prompt: 'none', response_mode: 'form_post' }))),
  one('none, signed', (subject) => asked(subject, subject.request('app', { prompt: 'none', response_mode: 'jwt' }))),
  one('none, and max_age is over', (subject) => signedIn(subject, subject.request('app', { prompt: 'none', max_age: '0' }))),
);

const types = group('response type',
  ['app', 'hybrid', 'implicit', 'public'].map((client) => group(client, values('response_type', TYPES, build(client), signedIn))),
  group('without nonce', values('response_type', TYPES.slice(0, 8), build('hybrid', { nonce: undefined }), signedIn)),
);

const modes = group('response mode',
  group('code', values('response_mode', MODES, build('app'), signedIn)),
  group('hybrid', values('response_mode', MODES, build('hybrid', { response_type: 'code id_token' }), signedIn)),
  group('implicit', values('response_mode', MODES, build('hybrid', { response_type: 'id_token token' }), signedIn)),
  group('error', values('response_mode', MODES, build('app', { scope: 'openid nonsense' }), signedIn)),
);

const challenges = group('challenge',
  variants({
    'as it should be': {},
    'missing': { code_challenge: undefined, code_challenge_method: undefined },
    'without method': { code_challenge_method: undefined },
    'without challenge': { code_challenge: undefined },
    'plain': { code_challenge_method: 'plain' },
    'of an unknown method': { code_challenge_method: 'S512' },
    'too short': { code_challenge: 'short' },
    'too long': { code_challenge: 'x'.repeat(200) },
    'with other letters': { code_challenge: `${challenge.slice(0, -1)}!` },
    'empty': { code_challenge: '' },
  }, build('pkce'), signedIn),
  group('where none is asked for', variants({
    'S256': { code_challenge: challenge, code_challenge_method: 'S256' },
    'plain': { code_challenge: challenge, code_challenge_method: 'plain' },
    'without method': { code_challenge: challenge },
    'a method without challenge': { code_challenge_method: 'S256' },
    'of an unknown method': { code_challenge: challenge, code_challenge_method: 'nonsense' },
  }, build('app'), signedIn)),
);

const ADDRESSES = [
  `${callback}/`, `${callback}?a=b`, `${callback}#fragment`, `${callback}/../other`, `${callback}/%2e%2e/other`, 'http://127.0.0.1:9/', 'http://127.0.0.1:9',
  'http://127.0.0.1:10/callback', 'https://127.0.0.1:9/callback', 'http://localhost:9/callback', 'http://user@127.0.0.1:9/callback', 'http://127.0.0.1:9@evil.test/callback',
  'http://evil.test/callback', '//127.0.0.1:9/callback', '/callback', 'callback', 'javascript:alert(1)', 'data:text/html,x', 'HTTP://127.0.0.1:9/callback',
  'http://127.0.0.1:9/Callback', 'http://127.0.0.1:9\\callback', 'http://127.0.0.1:9/callback%00', 'urn:ietf:wg:oauth:2.0:oob', 'http://[::1]:9/callback', ' http://127.0.0.1:9/callback',
];
const WILDCARDS = [
  `${callback}/`, callback, `${callback}/a`, `${callback}/a/b?c=d`, `${callback}/../other`, `${callback}/%2e%2e/other`, `${callback}/..;/other`, `${callback}/a#b`, `${callback}x`,
  'http://localhost/exact', 'http://localhost/exact?a=b', 'http://localhost:8080/exact', `${callback}/*`, `${callback}/a@evil.test`, `${callback}/%252e%252e/other`, `${callback}/a\\b`,
];
const addresses = group('redirect address',
  group('exact', values('redirect_uri', ADDRESSES, build('app'), signedIn)),
  group('wildcard', values('redirect_uri', WILDCARDS, build('wildcard'), signedIn)),
);

const clients = group('client',
  ['bearer', 'disabled', 'nothing', 'nobody', 'consent', 'pushed', 'signed', 'bound', 'light', 'account', 'account-console', 'admin-cli', 'broker', 'security-admin-console'].map((client) => [
    one(client, (subject) => signedIn(subject, subject.request(client))),
  ]),
);

const objectOf = (subject, client, changes = {}) => ({ iss: client, aud: subject.issuer, exp: now() + 60, iat: now(), ...subject.request(client), ...changes });
const byObject = (client, name, make, parameters = {}) => one(name, (subject) => signedIn(subject, {
  client_id: client, response_type: 'code', scope: 'openid', redirect_uri: callback, request: make(subject), ...parameters,
}));
const objects = group('request object',
  ['signed', 'objects'].map((client) => group(client,
    byObject(client, 'as it should be', (subject) => signed(objectOf(subject, client))),
    byObject(client, 'unsigned', (subject) => signed(objectOf(subject, client), known, { alg: 'none', kid: undefined })),
    byObject(client, 'by another key', (subject) => signed(objectOf(subject, client), foreign)),
    byObject(client, 'changed', (subject) => rewritten(signed(objectOf(subject, client)), { state: 'changed' })),
    byObject(client, 'expired', (subject) => signed(objectOf(subject, client, { exp: now() - 600 }))),
    byObject(client, 'without expiry', (subject) => signed(objectOf(subject, client, { exp: undefined }))),
    byObject(client, 'not yet valid', (subject) => signed(objectOf(subject, client, { nbf: now() + 600 }))),
    byObject(client, 'for somebody else', (subject) => signed(objectOf(subject, client, { aud: 'https://other.test' }))),
    byObject(client, 'without audience', (subject) => signed(objectOf(subject, client, { aud: undefined }))),
    byObject(client, 'without issuer', (subject) => signed(objectOf(subject, client, { iss: undefined }))),
    byObject(client, 'of another client', (subject) => signed(objectOf(subject, client, { client_id: 'app' }))),
    byObject(client, 'of another type', (subject) => signed(objectOf(subject, client, { response_type: 'token' }))),
    byObject(client, 'typed', (subject) => signed(objectOf(subject, client), known, { typ: 'oauth-authz-req+jwt' })),
    byObject(client, 'with an object in it', (subject) => signed(objectOf(subject, client, { request: 'x' }))),
    byObject(client, 'that is none', () => 'nonsense'),
    byObject(client, 'that is empty', () => ''),
    byObject(client, 'and an address of one', (subject) => signed(objectOf(subject, client)), { request_uri: 'urn:ietf:params:oauth:request_uri:nonsense' }),
    byObject(client, 'without parameters beside it', (subject) => signed(objectOf(subject, client)), { redirect_uri: undefined, scope: undefined, response_type: undefined }),
    one('by an address', (subject) => signedIn(subject, subject.request(client, { request_uri: 'http://127.0.0.1:9/object' }))),
    one('by an address that is none', (subject) => signedIn(subject, subject.request(client, { request_uri: 'nonsense' }))),
  )),
);

const page = (name, fields, request = {}, more = {}) => one(name, (subject) => subject.login(subject.request('app', request), { ...more, ...fields }));
const login = group('login page',
  page('signs in', {}),
  page('signs in by e-mail', { username: 'alice@example.test' }),
  page('wrong password', { secret: 'wrong' }),
  page('empty password', { secret: '' }),
  page('unknown name', { username: 'nobody' }),
  page('empty name', { username: '' }),
  page('disabled', { username: 'disabled' }),
  page('something to do', { username: 'unfinished' }),
  page('no profile', { username: 'bare' }),
  page('in a form', {}, { response_mode: 'form_post' }),
  page('signed', {}, { response_mode: 'jwt' }),
  page('name is far too long', { username: 'x'.repeat(5_000) }),
  one('sets the cookies of a session', async (subject) => {
    const jar = new Jar();
    const first = await send({ url: subject.authorization(subject.request('app')), jar });
    const { forms } = await import('../observe.mjs');
    return send({ url: new URL(forms(first.text)[0].action, first.url).href, form: { username: 'alice', password, rememberMe: 'on' }, jar });
  }),
  one('without cookies', async (subject) => {
    const first = await send({ url: subject.authorization(subject.request('app')) });
    const { forms } = await import('../observe.mjs');
    return send({ url: new URL(forms(first.text)[0].action, first.url).href, form: { username: 'alice', password } });
  }),
  one('twice', async (subject) => {
    const jar = new Jar();
    const first = await send({ url: subject.authorization(subject.request('app')), jar });
    await subject.submit(first, { username: 'alice', password }, jar);
    return subject.submit(first, { username: 'alice', password }, jar);
  }),
  one('consent is asked for', (subject) => subject.login(subject.request('consent'))),
  one('consent is given', async (subject) => {
    const jar = new Jar();
    const asks = await subject.login(subject.request('consent'), { jar });
    return subject.submit(asks, { accept: 'Yes' }, jar);
  }),
  one('consent is refused', async (subject) => {
    const jar = new Jar();
    const asks = await subject.login(subject.request('consent', { scope: 'openid phone' }), { jar });
    return subject.submit(asks, { cancel: 'No' }, jar);
  }),
  one('a form without a login', (subject) => send({ url: `${subject.issuer}/login-actions/authenticate`, form: { username: 'alice', password } })),
  one('a form of nonsense', (subject) => send({ url: `${subject.issuer}/login-actions/authenticate?session_code=x&execution=y&client_id=app&tab_id=z`, form: { username: 'alice', password } })),
  one('an action without a key', (subject) => send({ url: `${subject.issuer}/login-actions/action-token` })),
  one('an action with a wrong key', (subject) => send({ url: `${subject.issuer}/login-actions/action-token?key=nonsense` })),
);

export default group('authorization', parameters, prompts, types, modes, challenges, addresses, clients, objects, login);
