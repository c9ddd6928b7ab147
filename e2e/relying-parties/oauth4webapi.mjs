// oauth4webapi (npm): the low-level library, which checks each answer to the letter.
import assert from 'node:assert/strict';

import * as oauth from 'oauth4webapi';

import { Person } from './person.mjs';
import { Steps, setUp } from './support.mjs';

const steps = new Steps('oauth4webapi');
const redirectUri = 'http://127.0.0.1:9/callback';
const keys = await oauth.generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await crypto.subtle.exportKey('jwk', keys.publicKey)), kid: 'one', use: 'sig', alg: 'ES256' };
const issuer = await setUp('oauth4webapi', [
  { clientId: 'spa', publicClient: true, redirectUris: [redirectUri], attributes: { 'pkce.code.challenge.method': 'S256' } },
  {
    clientId: 'signer', clientAuthenticatorType: 'client-jwt', redirectUris: [redirectUri], serviceAccountsEnabled: true,
    attributes: {
      'use.jwks.string': 'true', 'jwks.string': JSON.stringify({ keys: [jwk] }),
      'token.endpoint.auth.signing.alg': 'ES256', 'request.object.signature.alg': 'ES256',
    },
  },
]);
const insecure = { [oauth.allowInsecureRequests]: true };
const identifier = new URL(issuer);

const server = await steps.step('discovery, both documents', async () => {
  const first = await oauth.processDiscoveryResponse(identifier, await oauth.discoveryRequest(identifier, insecure));
  const second = await oauth.processDiscoveryResponse(
    identifier, await oauth.discoveryRequest(identifier, { ...insecure, algorithm: 'oauth2' }));
  assert.equal(first.token_endpoint, second.token_endpoint);
  return first;
});

async function code(client, authentication, options = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const parameters = new URLSearchParams({
    client_id: client.client_id, redirect_uri: redirectUri, response_type: 'code', scope: 'openid email', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const url = new URL(server.authorization_endpoint);
  url.search = (options.wrap ? await options.wrap(parameters) : parameters).toString();
  const back = await new Person().visit(url, redirectUri);
  const answer = oauth.validateAuthResponse(server, client, back, state);
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, answer, redirectUri, verifier, { ...insecure, ...options });
  return oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce, requireIdToken: true });
}

await steps.step('a public client with PKCE', async () => {
  const spa = { client_id: 'spa' };
  const tokens = await code(spa, oauth.None());
  const info = await oauth.userInfoRequest(server, spa, tokens.access_token, insecure);
  const claims = await oauth.processUserInfoResponse(server, spa, oauth.getValidatedIdTokenClaims(tokens).sub, info);
  assert.equal(claims.email, 'alice@example.test');
});
await steps.step('DPoP for a public client', async () => {
  const spa = { client_id: 'spa' };
  const DPoP = oauth.DPoP(spa, await oauth.generateKeyPair('ES256'));
  const tokens = await code(spa, oauth.None(), { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const response = await oauth.refreshTokenGrantRequest(server, spa, oauth.None(), tokens.refresh_token, { ...insecure, DPoP });
  const renewed = await oauth.processRefreshTokenResponse(server, spa, response);
  assert.equal(renewed.token_type, 'dpop');
  const plain = await oauth.refreshTokenGrantRequest(server, spa, oauth.None(), renewed.refresh_token, insecure);
  await assert.rejects(oauth.processRefreshTokenResponse(server, spa, plain), (error) => error.error === 'invalid_grant' || error.error === 'invalid_dpop_proof' || error.error === 'invalid_request');
});
await steps.step('private_key_jwt: client credentials', async () => {
  const signer = { client_id: 'signer' };
  const authentication = oauth.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' });
  const response = await oauth.clientCredentialsGrantRequest(server, signer, authentication, {}, insecure);
  const tokens = await oauth.processClientCredentialsResponse(server, signer, response);
  assert.ok(tokens.expires_in > 0);
});
await steps.step('a signed request object', async () => {
  const signer = { client_id: 'signer' };
  const wrap = async (parameters) =>
    new URLSearchParams({
      client_id: 'signer',
      request: await oauth.issueRequestObject(server, signer, parameters, { key: keys.privateKey, kid: 'one' }),
    });
  await code(signer, oauth.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' }), { wrap });
});
await steps.step('an error answer is one that the library can read', async () => {
  const wrong = { client_id: 'signer' };
  const other = await oauth.generateKeyPair('ES256');
  const response = await oauth.clientCredentialsGrantRequest(
    server, wrong, oauth.PrivateKeyJwt({ key: other.privateKey, kid: 'one' }), {}, insecure);
  await assert.rejects(oauth.processClientCredentialsResponse(server, wrong, response), (error) => /invalid_client|unauthorized_client/.test(error.error ?? error.code));
});
steps.end();
