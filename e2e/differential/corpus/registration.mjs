// Registration of clients: OpenID Connect's and RFC 7591's, and Keycloak's own representation.
import { json, send } from '../http.mjs';
import { group, one } from '../cases.mjs';
import { known } from '../jose.mjs';
import { callback } from '../realm.mjs';

const at = (subject, path) => `${subject.issuer}/clients-registrations/${path}`;
const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });
const initial = async (subject, count = 1) => json(await subject.admin('POST', '/clients-initial-access', { count, expiration: 300 })).token;

/** Registers with an initial access token. */
const register = async (subject, body, path = 'openid-connect') => send({ url: at(subject, path), json: body, headers: bearer(await initial(subject)) });
const metadata = (changes = {}) => ({ redirect_uris: [callback], client_name: 'Registered', ...changes });
const registered = (name, changes) => one(name, (subject) => register(subject, metadata(changes)));

const GRANTS = ['authorization_code', 'implicit', 'refresh_token', 'client_credentials', 'password', 'urn:ietf:params:oauth:grant-type:device_code', 'urn:openid:params:grant-type:ciba', 'urn:ietf:params:oauth:grant-type:token-exchange', 'nonsense'];
const METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth', 'none', 'nonsense'];

/** Metadata of OpenID Connect Registration: member, a good value, a bad one. */
const MEMBERS = [
  ['application_type', 'native', 'nonsense'],
  ['client_uri', 'https://app.test/', 'nonsense'],
  ['logo_uri', 'https://app.test/logo', 'javascript:x'],
  ['policy_uri', 'https://app.test/policy', 'javascript:x'],
  ['tos_uri', 'https://app.test/terms', 'javascript:x'],
  ['contacts', ['a@app.test'], 'nobody'],
  ['scope', 'openid email', 'nonsense'],
  ['jwks', { keys: [known.jwk] }, 'nonsense'],
  ['jwks_uri', 'https://app.test/keys', 'nonsense'],
  ['subject_type', 'public', 'nonsense'],
  ['id_token_signed_response_alg', 'ES256', 'nonsense'],
  ['userinfo_signed_response_alg', 'RS256', 'nonsense'],
  ['request_object_signing_alg', 'ES256', 'nonsense'],
  ['token_endpoint_auth_signing_alg', 'ES256', 'nonsense'],
  ['id_token_encrypted_response_alg', 'RSA-OAEP', 'nonsense'],
  ['default_max_age', 60, 'nonsense'],
  ['require_auth_time', true, 'nonsense'],
  ['default_acr_values', ['1'], 'nonsense'],
  ['initiate_login_uri', 'https://app.test/login', 'nonsense'],
  ['request_uris', ['https://app.test/object'], ['nonsense']],
  ['post_logout_redirect_uris', [callback], ['javascript:x']],
  ['backchannel_logout_uri', 'https://app.test/out', 'nonsense'],
  ['backchannel_logout_session_required', true, 'nonsense'],
  ['frontchannel_logout_uri', 'https://app.test/out', 'nonsense'],
  ['frontchannel_logout_session_required', true, 'nonsense'],
  ['require_pushed_authorization_requests', true, 'nonsense'],
  ['tls_client_certificate_bound_access_tokens', true, 'nonsense'],
  ['dpop_bound_access_tokens', true, 'nonsense'],
  ['authorization_signed_response_alg', 'ES256', 'nonsense'],
  ['backchannel_token_delivery_mode', 'poll', 'nonsense'],
  ['software_id', 'software', 5],
  ['something_else', 'value', {}],
  ['client_id', 'chosen', 5],
  ['client_secret', 'chosen', 5],
  ['sector_identifier_uri', 'https://app.test/sector', 'nonsense'],
];

const open = group('without a token',
  one('OpenID Connect', (subject) => send({ url: at(subject, 'openid-connect'), json: metadata() })),
  one('Keycloak', (subject) => send({ url: at(subject, 'default'), json: { clientId: 'anonymous' } })),
  one('by GET', (subject) => send({ url: at(subject, 'openid-connect') })),
  one('unknown provider', (subject) => send({ url: at(subject, 'nothing'), json: {} })),
  one('a client', (subject) => send({ url: at(subject, 'openid-connect/app') })),
  one('a client of Keycloak\'s form', (subject) => send({ url: at(subject, 'default/app') })),
  one('an unknown client', (subject) => send({ url: at(subject, 'openid-connect/nobody') })),
  one('preflight', (subject) => send({ url: at(subject, 'openid-connect'), method: 'OPTIONS', headers: { origin: 'http://127.0.0.1:9', 'access-control-request-method': 'POST' } })),
);

const tokens = group('token',
  one('nonsense', (subject) => send({ url: at(subject, 'openid-connect'), json: metadata(), headers: bearer('nonsense') })),
  one('an access token without rights', async (subject) => send({ url: at(subject, 'openid-connect'), json: metadata(), headers: bearer(await subject.own()) })),
  one('an access token of the administrator of another realm', async (subject) => send({ url: at(subject, 'openid-connect'), json: metadata(), headers: bearer(await subject.adminToken()) })),
  one('used up', async (subject) => {
    const headers = bearer(await initial(subject));
    await send({ url: at(subject, 'openid-connect'), json: metadata(), headers });
    return send({ url: at(subject, 'openid-connect'), json: metadata(), headers });
  }),
  one('of another client', async (subject) => {
    const { registration_access_token: token } = json(await register(subject, metadata()));
    return send({ url: at(subject, 'openid-connect/app'), headers: bearer(token) });
  }),
  one('initial, to read a client', async (subject) => send({ url: at(subject, 'openid-connect/app'), headers: bearer(await initial(subject)) })),
);

const bodies = group('body',
  registered('as it should be', {}),
  registered('without redirect addresses', { redirect_uris: undefined }),
  registered('no redirect address', { redirect_uris: [] }),
  registered('redirect address with a fragment', { redirect_uris: [`${callback}#x`] }),
  registered('redirect address with a wildcard', { redirect_uris: ['https://app.test/*'] }),
  registered('redirect address of a script', { redirect_uris: ['javascript:x'] }),
  registered('redirect address that is relative', { redirect_uris: ['/callback'] }),
  registered('redirect addresses that are no list', { redirect_uris: callback }),
  one('empty', (subject) => register(subject, {})),
  one('a list', (subject) => register(subject, [])),
  one('no JSON', (subject) => register(subject, '{')),
  one('another media type', async (subject) => send({ url: at(subject, 'openid-connect'), body: 'client_name=x', headers: { ...bearer(await initial(subject)), 'content-type': 'application/x-www-form-urlencoded' } })),
  GRANTS.map((grant) => registered(`grant type ${grant}`, { grant_types: [grant] })),
  METHODS.map((method) => registered(`authentication ${method}`, { token_endpoint_auth_method: method, jwks: { keys: [known.jwk] } })),
  ['code', 'id_token', 'token', 'code id_token', 'nonsense'].map((type) => registered(`response type ${type}`, { response_types: [type] })),
  MEMBERS.map(([member, good, bad]) => [registered(`${member}, good`, { [member]: good }), registered(`${member}, bad`, { [member]: bad })]),
);

/** What happens to a registered client by its own token. */
const managed = (name, act, body = metadata()) => one(name, async (subject) => {
  const made = json(await register(subject, body));
  return act(subject, made, { url: at(subject, `openid-connect/${made.client_id}`), headers: bearer(made.registration_access_token) });
});
const management = group('management',
  managed('read', (_subject, _made, request) => send(request)),
  managed('read without token', (_subject, _made, { url }) => send({ url })),
  managed('changed', (_subject, made, request) => send({ ...request, method: 'PUT', json: { ...made, client_name: 'Changed' } })),
  managed('changed with another id', (_subject, made, request) => send({ ...request, method: 'PUT', json: { ...made, client_id: 'other' } })),
  managed('changed without id', (_subject, _made, request) => send({ ...request, method: 'PUT', json: metadata() })),
  managed('changed with nothing', (_subject, _made, request) => send({ ...request, method: 'PUT', json: {} })),
  managed('changed to no JSON', (_subject, _made, request) => send({ ...request, method: 'PUT', json: '{' })),
  managed('deleted', (_subject, _made, request) => send({ ...request, method: 'DELETE' })),
  managed('deleted twice', async (_subject, _made, request) => {
    await send({ ...request, method: 'DELETE' });
    return send({ ...request, method: 'DELETE' });
  }),
  managed('by POST', (_subject, made, request) => send({ ...request, json: made })),
  managed('used for a token', (subject, made) => subject.post('token', { grant_type: 'client_credentials', client_id: made.client_id, client_secret: made.client_secret }), metadata({ grant_types: ['client_credentials'] })),
);

const own = (name, body) => one(name, (subject) => register(subject, body, 'default'));
const keycloak = group('of Keycloak\'s form',
  own('as it should be', { clientId: 'of-its-form', redirectUris: [callback] }),
  own('without id', { redirectUris: [callback] }),
  own('an id that is taken', { clientId: 'app' }),
  own('an unknown member', { clientId: 'unknown-member', nonsense: true }),
  own('a member of another type', { clientId: 'other-type', enabled: 'perhaps' }),
  own('disabled', { clientId: 'registered-disabled', enabled: false }),
  own('with full scope', { clientId: 'full-scope', fullScopeAllowed: true }),
  own('with a service account', { clientId: 'with-account', serviceAccountsEnabled: true }),
  own('of SAML', { clientId: 'of-saml', protocol: 'saml' }),
  one('read', async (subject) => {
    const made = json(await register(subject, { clientId: 'to-read' }, 'default'));
    return send({ url: at(subject, 'default/to-read'), headers: bearer(made.registrationAccessToken) });
  }),
  one('changed', async (subject) => {
    const made = json(await register(subject, { clientId: 'to-change' }, 'default'));
    return send({ url: at(subject, 'default/to-change'), method: 'PUT', json: { ...made, name: 'Changed' }, headers: bearer(made.registrationAccessToken) });
  }),
  one('deleted', async (subject) => {
    const made = json(await register(subject, { clientId: 'to-delete' }, 'default'));
    return send({ url: at(subject, 'default/to-delete'), method: 'DELETE', headers: bearer(made.registrationAccessToken) });
  }),
  one('installation of a client with its secret', async (subject) => send({ url: at(subject, 'install/app'), headers: { authorization: `Basic ${Buffer.from('app:app-secret').toString('base64')}` } })),
  one('installation of a client with a wrong secret', async (subject) => send({ url: at(subject, 'install/app'), headers: { authorization: `Basic ${Buffer.from('app:wrong').toString('base64')}` } })),
  one('installation without a token', async (subject) => send({ url: at(subject, 'install/app') })),
);

export default group('registration', open, tokens, bodies, management, keycloak);
