// openid-client (npm): every grant and extension that it knows and we have.
import assert from 'node:assert/strict';

import * as client from 'openid-client';

import { Person, audience } from './person.mjs';
import { Steps, setUp, user } from './support.mjs';

const steps = new Steps('openid-client');
const redirectUri = 'http://127.0.0.1:9/callback';
const issuer = await setUp('openid-client', [
  {
    clientId: 'web', secret: 'web-secret', redirectUris: [redirectUri], serviceAccountsEnabled: true,
    protocolMappers: [audience('web')],
    attributes: {
      'post.logout.redirect.uris': redirectUri, 'oauth2.device.authorization.grant.enabled': 'true',
      'standard.token.exchange.enabled': 'true',
    },
  },
  { clientId: 'mixed', secret: 'mixed-secret', redirectUris: [redirectUri], implicitFlowEnabled: true },
  { clientId: 'bound', secret: 'bound-secret', redirectUris: [redirectUri], attributes: { 'dpop.bound.access.tokens': 'true' } },
]);
const insecure = { execute: [client.allowInsecureRequests] };
const as = (id, authentication) => client.discovery(new URL(issuer), id, undefined, authentication, insecure);

/** One login; answers the tokens. */
async function login(config, person, { extra = {}, url, dpop } = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const nonce = client.randomNonce();
  const state = client.randomState();
  const parameters = {
    redirect_uri: redirectUri, scope: 'openid profile email', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  };
  const address = url ? await url(config, parameters) : client.buildAuthorizationUrl(config, parameters);
  const back = await person.visit(address, redirectUri);
  return client.authorizationCodeGrant(
    config, back, { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true }, undefined,
    dpop && { DPoP: dpop },
  );
}

const web = await steps.step('discovery', () => as('web', client.ClientSecretBasic('web-secret')));
const person = new Person();
const tokens = await steps.step('code flow with PKCE, nonce, state and iss', () => login(web, person));
await steps.step('the id token names the person', () => {
  assert.equal(tokens.claims().preferred_username, user.username);
  assert.equal(tokens.claims().email, 'alice@example.test');
});
await steps.step('userinfo', async () => {
  const info = await client.fetchUserInfo(web, tokens.access_token, tokens.claims().sub);
  assert.equal(info.name, 'Alice Liddell');
});
await steps.step('introspection', async () => {
  const answer = await client.tokenIntrospection(web, tokens.access_token);
  assert.equal(answer.active, true);
  assert.equal(answer.client_id, 'web');
});
const refreshed = await steps.step('refresh', () => client.refreshTokenGrant(web, tokens.refresh_token));
await steps.step('single sign-on: a second login asks nothing', async () => {
  const again = await login(web, person, { extra: { prompt: 'none' } });
  assert.equal(again.claims().sub, tokens.claims().sub);
});
await steps.step('revocation ends the refresh token', async () => {
  await client.tokenRevocation(web, refreshed.refresh_token);
  await assert.rejects(client.refreshTokenGrant(web, refreshed.refresh_token), { error: 'invalid_grant' });
});
await steps.step('client credentials', async () => {
  const own = await client.clientCredentialsGrant(web);
  assert.equal(own.token_type, 'bearer');
});
await steps.step('a pushed authorization request', () =>
  login(web, new Person(), { url: (config, parameters) => client.buildAuthorizationUrlWithPAR(config, parameters) }));
await steps.step('response_mode=form_post is not for a code in a query, but jwt is', async () => {
  const config = await as('web', client.ClientSecretBasic('web-secret'));
  client.useJwtResponseMode(config);
  await login(config, new Person());
});
await steps.step('hybrid: code id_token', async () => {
  const config = await as('mixed', client.ClientSecretPost('mixed-secret'));
  client.useCodeIdTokenResponseType(config);
  client.enableDetachedSignatureResponseChecks(config);
  const hybrid = await login(config, new Person());
  assert.ok(hybrid.access_token);
});
await steps.step('implicit: id_token', async () => {
  const config = await as('mixed', client.ClientSecretPost('mixed-secret'));
  client.useIdTokenResponseType(config);
  const nonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope: 'openid', nonce });
  const claims = await client.implicitAuthentication(config, await new Person().visit(address, redirectUri), nonce);
  assert.equal(claims.nonce, nonce);
});
await steps.step('DPoP: bound code, access token and refresh', async () => {
  const config = await as('bound', client.ClientSecretBasic('bound-secret'));
  const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const url = async (to, parameters) =>
    client.buildAuthorizationUrl(to, { ...parameters, dpop_jkt: await dpop.calculateThumbprint() });
  const bound = await login(config, new Person(), { url, dpop });
  assert.equal(bound.token_type, 'dpop');
  await client.fetchUserInfo(config, bound.access_token, bound.claims().sub, { DPoP: dpop });
  await assert.rejects(client.fetchUserInfo(config, bound.access_token, bound.claims().sub));
});
await steps.step('device authorization', async () => {
  const device = await client.initiateDeviceAuthorization(web, { scope: 'openid' });
  const there = new Person();
  await there.visit(device.verification_uri_complete, `${issuer}/device/status`).catch((error) => {
    if (!/no form|no end/.test(error.message)) throw error;
  });
  const granted = await client.pollDeviceAuthorizationGrant(web, device);
  assert.equal(granted.claims().preferred_username, user.username);
});
await steps.step('token exchange', async () => {
  const { access_token: subject } = await login(web, new Person());
  const answer = await client.genericGrantRequest(web, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: subject, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  });
  assert.ok(answer.access_token);
});
await steps.step('dynamic registration with an initial access token is refused without one', async () => {
  await assert.rejects(client.dynamicClientRegistration(new URL(issuer), { redirect_uris: ['https://app.example.test/cb'] }, undefined, insecure));
});
await steps.step('logout ends the session', async () => {
  const mine = new Person();
  const last = await login(web, mine);
  const url = client.buildEndSessionUrl(web, { post_logout_redirect_uri: redirectUri, id_token_hint: last.id_token, state: 'bye' });
  const back = await mine.visit(url, redirectUri);
  assert.equal(back.searchParams.get('state'), 'bye');
  await assert.rejects(client.refreshTokenGrant(web, last.refresh_token), { error: 'invalid_grant' });
});
steps.end();
