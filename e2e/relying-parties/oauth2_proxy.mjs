// oauth2-proxy (Go) before an application, by its providers `oidc` and `keycloak-oidc`. OAUTH2_PROXY is the program.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { Person, audience } from './person.mjs';
import { Steps, administrator, setUp, user } from './support.mjs';

const bob = { username: 'bob', password: 'correct stable' };
const realm = 'oauth2-proxy';
const admin = await administrator();

// The application: it answers the headers it gets.
const application = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(request.headers));
});
const listening = (server) => new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server.address().port)); });
const applicationPort = await listening(application);

async function freePort() {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

/** The proxy, which is stopped by `stop()`; `log()` is what it has written. */
class Proxy {
  #child;
  #log = '';

  static async start(provider, port, more) {
    const proxy = new Proxy();
    proxy.site = `http://127.0.0.1:${port}`;
    proxy.#child = spawn(process.env.OAUTH2_PROXY, [
      `--provider=${provider}`, `--http-address=127.0.0.1:${port}`, `--upstream=http://127.0.0.1:${applicationPort}/`,
      `--oidc-issuer-url=${issuer}`, `--client-id=${provider}`, `--redirect-url=${proxy.site}/oauth2/callback`,
      '--code-challenge-method=S256', '--insecure-oidc-skip-nonce=false', '--email-domain=*', '--cookie-secure=false',
      '--skip-provider-button', '--pass-access-token', '--cookie-refresh=1s', '--whitelist-domain=127.0.0.1:*',
      '--skip-jwt-bearer-tokens', '--bearer-token-login-fallback=false', ...more,
    ], {
      env: { PATH: process.env.PATH, OAUTH2_PROXY_CLIENT_SECRET: `${provider}-secret`, OAUTH2_PROXY_COOKIE_SECRET: randomBytes(16).toString('hex') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [proxy.#child.stdout, proxy.#child.stderr]) stream.on('data', (text) => { proxy.#log += text; });
    for (let tries = 0; tries < 300; tries += 1) {
      if (proxy.#child.exitCode !== null) break;
      const answer = await fetch(`${proxy.site}/ready`).catch(() => undefined);
      if (answer?.ok) return proxy;
      await pause(100);
    }
    proxy.stop();
    throw new Error(`oauth2-proxy does not start: ${proxy.log()}`);
  }

  log = () => this.#log.split('\n').slice(-20).join('\n');

  stop() {
    this.#child.kill();
  }
}

const ports = { oidc: await freePort(), 'keycloak-oidc': await freePort() };
const issuer = await setUp(realm, Object.entries(ports).map(([provider, port]) => ({
  clientId: provider, secret: `${provider}-secret`, redirectUris: [`http://127.0.0.1:${port}/*`], protocolMappers: [audience(provider)],
  attributes: { 'post.logout.redirect.uris': '+', 'pkce.code.challenge.method': 'S256' },
})));
const idOf = async (what) => {
  const [found] = await admin.get(`/realms/${realm}/${what}`);
  return found.id;
};
const alice = await idOf(`users?username=${user.username}&exact=true`);

// What the proxy asks for by itself when it looks at groups.
const scope = await admin.post(`/realms/${realm}/client-scopes`, {
  name: 'groups', protocol: 'openid-connect',
  protocolMappers: [{
    name: 'groups', protocol: 'openid-connect', protocolMapper: 'oidc-group-membership-mapper',
    config: { 'claim.name': 'groups', 'full.path': 'false', 'id.token.claim': 'true', 'access.token.claim': 'true', 'userinfo.token.claim': 'true' },
  }],
});
await admin.put(`/realms/${realm}/clients/${await idOf('clients?clientId=oidc')}/optional-client-scopes/${scope}`);
const staff = await admin.post(`/realms/${realm}/groups`, { name: 'staff' });
await admin.put(`/realms/${realm}/users/${alice}/groups/${staff}`);
const keycloakOidc = await idOf('clients?clientId=keycloak-oidc');
await admin.post(`/realms/${realm}/clients/${keycloakOidc}/roles`, { name: 'buyer' });
await admin.post(`/realms/${realm}/users/${alice}/role-mappings/clients/${keycloakOidc}`, [
  await admin.get(`/realms/${realm}/clients/${keycloakOidc}/roles/buyer`),
]);
await admin.post(`/realms/${realm}/users`, {
  username: bob.username, enabled: true, email: 'bob@example.test', emailVerified: true, firstName: 'Bob', lastName: 'Builder',
  credentials: [{ type: 'password', value: bob.password, temporary: false }],
});

const logout = `${issuer}/protocol/openid-connect/logout?id_token_hint={id_token}`;
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const sessions = () => admin.get(`/realms/${realm}/users/${alice}/sessions`);

/** What the application was sent, which the proxy lets through. */
async function headers(answer) {
  const { status, text } = await answer;
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

/** The proxy sends who comes to the login, where a password is asked for. */
const asksForPassword = (person, site) => person.visit(site, `${issuer}/login-actions/authenticate`);

const PROVIDERS = {
  oidc: {
    more: ['--allowed-group=staff', `--backend-logout-url=${logout}`],
    groups: /^staff$/,
    // The proxy asks the server to end the session, behind the person's back.
    signOut: (site) => `${site}/oauth2/sign_out?${new URLSearchParams({ rd: `${site}/ping` })}`,
  },
  'keycloak-oidc': {
    more: ['--allowed-role=keycloak-oidc:buyer'],
    groups: /\brole:keycloak-oidc:buyer\b/,
    // The proxy sends the browser to the server, which sends it back (RP-initiated).
    signOut: (site) => `${site}/oauth2/sign_out?${new URLSearchParams({ rd: `${logout}&post_logout_redirect_uri=${encodeURIComponent(`${site}/ping`)}` })}`,
  },
};

const steps = new Steps('oauth2-proxy');
for (const [provider, { more, groups, signOut }] of Object.entries(PROVIDERS)) {
  const step = (name, work) => steps.step(`${provider}: ${name}`, work);
  const proxy = await step('starts by discovery', () => Proxy.start(provider, ports[provider], more));
  if (!proxy) continue;
  const { site } = proxy;
  const person = new Person();
  try {
    await step('nobody comes in without a login', () => asksForPassword(new Person(), `${site}/orders`));
    const first = await step('who signs in comes in, by name and with what they may do', async () => {
      const sent = await headers(person.open(`${site}/orders`));
      assert.equal(sent['x-forwarded-preferred-username'], user.username);
      assert.equal(sent['x-forwarded-email'], 'alice@example.test');
      assert.match(sent['x-forwarded-groups'], groups);
      return sent['x-forwarded-access-token'];
    });
    await step('who lacks it is refused', async () => {
      const { status } = await new Person(bob).open(`${site}/orders`);
      assert.equal(status, 403);
    });
    await step('tokens are refreshed in the same session', async () => {
      for (let tries = 0; tries < 100; tries += 1) {
        const sent = await headers(person.open(`${site}/orders`));
        const token = sent['x-forwarded-access-token'];
        if (token !== first) {
          assert.equal(claims(token).sid, claims(first).sid);
          assert.match(sent['x-forwarded-groups'], groups);
          return;
        }
        await pause(200);
      }
      assert.fail('the proxy goes on with the first token');
    });
    await step('a bearer token is as good as a login, a changed one is not', async () => {
      const bearer = (token) => fetch(`${site}/orders`, { headers: { authorization: `Bearer ${token}` } });
      const response = await bearer(first);
      const sent = await headers({ status: response.status, text: await response.text() });
      assert.equal(sent['x-forwarded-email'], 'alice@example.test');
      const [head, body, signature] = first.split('.');
      const other = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
      assert.equal((await bearer(`${head}.${body}.${other}`)).status, 403);
    });
    await step('logout comes back, and ends the session at the server', async () => {
      assert.equal((await sessions()).length, 1);
      const back = await person.open(signOut(site));
      assert.equal(back.url, `${site}/ping`);
      assert.deepEqual(await sessions(), []);
      await asksForPassword(person, `${site}/orders`);
    });
    await step('a session that an administrator ends is over at its next refresh', async () => {
      const other = new Person();
      const { 'x-forwarded-access-token': token } = await headers(other.open(`${site}/orders`));
      await admin.remove(`/realms/${realm}/sessions/${claims(token).sid}`);
      for (let tries = 0; tries < 100; tries += 1) {
        const over = await asksForPassword(other, `${site}/orders`).then(() => true, () => false);
        if (over) return;
        await pause(200);
      }
      assert.fail('the proxy lets the person in as before');
    });
  } finally {
    if (steps.failed > 0) console.log(proxy.log());
    proxy.stop();
  }
}
application.close();
steps.end();
