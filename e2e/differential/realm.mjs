// The realm that both servers get, by one import.
import { known } from './jose.mjs';

export const realm = 'differential';
/** Nothing listens here: no redirect is followed. */
export const callback = 'http://127.0.0.1:9/callback';
export const password = 'correct horse battery';

/** As long as the hash that is made with it (RFC 7518 section 3.2). */
export const longSecret = 'a secret of more than thirty-two bytes';

const keys = {
  'use.jwks.string': 'true',
  'jwks.string': JSON.stringify({ keys: [known.jwk] }),
};

/** A client with the code flow only; `attributes` and settings add to it. */
function client(clientId, settings = {}, attributes = {}) {
  return {
    clientId,
    enabled: true,
    protocol: 'openid-connect',
    redirectUris: [callback],
    webOrigins: ['http://127.0.0.1:9'],
    standardFlowEnabled: true,
    ...(settings.publicClient || settings.bearerOnly ? {} : { secret: `${clientId}-secret` }),
    attributes: { 'post.logout.redirect.uris': '+', ...attributes },
    ...settings,
  };
}

const audience = (name, included) => ({
  name,
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: { 'included.client.audience': included, 'access.token.claim': 'true', 'introspection.token.claim': 'true' },
});

const clients = [
  client('app', { directAccessGrantsEnabled: true, serviceAccountsEnabled: true, protocolMappers: [audience('itself', 'app'), audience('resource', 'resource')] }, {
    'oauth2.device.authorization.grant.enabled': 'true',
    'oidc.ciba.grant.enabled': 'true',
    'standard.token.exchange.enabled': 'true',
  }),
  client('public', { publicClient: true, directAccessGrantsEnabled: true }, { 'oauth2.device.authorization.grant.enabled': 'true' }),
  client('pkce', { publicClient: true }, { 'pkce.code.challenge.method': 'S256' }),
  client('hybrid', { implicitFlowEnabled: true }),
  client('implicit', { publicClient: true, standardFlowEnabled: false, implicitFlowEnabled: true }),
  client('jwt', { clientAuthenticatorType: 'client-jwt', serviceAccountsEnabled: true }, { ...keys, 'token.endpoint.auth.signing.alg': 'ES256' }),
  client('secret-jwt', { clientAuthenticatorType: 'client-secret-jwt', serviceAccountsEnabled: true, secret: longSecret }),
  client('weak', { clientAuthenticatorType: 'client-secret-jwt', serviceAccountsEnabled: true }),
  client('bearer', { bearerOnly: true }),
  client('disabled', { enabled: false, serviceAccountsEnabled: true, directAccessGrantsEnabled: true }),
  client('nothing', { standardFlowEnabled: false }),
  client('consent', { consentRequired: true }),
  client('pushed', {}, { 'require.pushed.authorization.requests': 'true' }),
  client('bound', { publicClient: true, directAccessGrantsEnabled: true }, { 'dpop.bound.access.tokens': 'true' }),
  client('signed', {}, { ...keys, 'request.object.required': 'request or request_uri', 'request.object.signature.alg': 'ES256' }),
  client('objects', {}, keys),
  client('light', { directAccessGrantsEnabled: true }, { 'client.use.lightweight.access.token.enabled': 'true' }),
  client('typed', { serviceAccountsEnabled: true }, { 'access.token.header.type.rfc9068': 'true' }),
  client('userinfo', {}, { 'user.info.response.signature.alg': 'RS256' }),
  client('wildcard', { redirectUris: ['http://127.0.0.1:9/callback/*', 'http://localhost/exact'] }),
  client('short', { serviceAccountsEnabled: true, directAccessGrantsEnabled: true }, { 'access.token.lifespan': '60', 'use.refresh.tokens': 'false', 'client_credentials.use_refresh_token': 'true' }),
  client('resource', { standardFlowEnabled: false }),
];

const user = (username, settings = {}) => ({
  username,
  enabled: true,
  email: `${username}@example.test`,
  emailVerified: true,
  firstName: 'First',
  lastName: 'Last',
  credentials: [{ type: 'password', value: password, temporary: false }],
  ...settings,
});

export const representation = () => ({
  realm,
  enabled: true,
  sslRequired: 'external',
  registrationAllowed: true,
  resetPasswordAllowed: true,
  rememberMe: true,
  // What hashing costs is not what is compared.
  passwordPolicy: 'hashAlgorithm(argon2) and hashIterations(1)',
  roles: {
    realm: [{ name: 'reader' }, { name: 'writer', composite: true, composites: { realm: ['reader'] } }],
    client: { app: [{ name: 'operator' }] },
  },
  groups: [{ name: 'staff', path: '/staff', realmRoles: ['writer'] }],
  clients,
  users: [
    user('alice', { groups: ['/staff'], realmRoles: ['default-roles-differential'], clientRoles: { app: ['operator'] } }),
    user('offline', { realmRoles: ['default-roles-differential', 'offline_access'] }),
    user('disabled', { enabled: false }),
    user('unfinished', { requiredActions: ['UPDATE_PASSWORD'] }),
    user('unverified', { emailVerified: false }),
    user('bare', { email: undefined, emailVerified: false, firstName: undefined, lastName: undefined }),
  ],
});
