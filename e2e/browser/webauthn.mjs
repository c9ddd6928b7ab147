// Security keys and passkeys in a real browser, with its virtual authenticator:
//   BASE_URL=http://localhost:8080 ADMIN_PASSWORD=... node webauthn.mjs
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import puppeteer from 'puppeteer-core';

import { Steps, administrator, base, setUp, user } from './support.mjs';
import { MODES, Walk } from './walk.mjs';

const realm = 'keys';
const steps = new Steps('webauthn');
const { step } = steps;

const callback = createServer((_, response) => response.end('<h1>signed in</h1>'));
await new Promise((resolve) => callback.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${callback.address().port}`;
const redirectUri = `${origin}/callback`;
const authorization = (extra = {}) => `${base}/realms/${realm}/protocol/openid-connect/auth?${new URLSearchParams({
  client_id: 'app', redirect_uri: redirectUri, response_type: 'code', scope: 'openid', ...extra,
})}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

/** A browser with an authenticator of its own, which answers by itself. */
class Person {
  static async arrives() {
    const person = new Person();
    person.walk = await new Walk(browser, MODES[0], base, [origin]).begin();
    person.page = person.walk.page;
    person.cdp = await person.page.createCDPSession();
    await person.cdp.send('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await person.cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
    person.authenticatorId = authenticatorId;
    return person;
  }

  /** Whether the authenticator is touched. */
  touches(enabled) {
    const { authenticatorId } = this;
    return this.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
  }

  verifies(isUserVerified) {
    const { authenticatorId } = this;
    return this.cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
  }

  async keys() {
    const { authenticatorId } = this;
    const { credentials } = await this.cdp.send('WebAuthn.getCredentials', { authenticatorId });
    return credentials;
  }

  /** Opens the application anew, signed out. */
  async opens(extra) {
    await this.cdp.send('Network.clearBrowserCookies');
    await this.page.goto(authorization(extra));
  }

  async clicks(selector) {
    await Promise.all([this.page.waitForNavigation(), this.page.click(selector)]);
  }

  async types(fields) {
    for (const [selector, text] of Object.entries(fields)) {
      await this.page.$eval(selector, (element) => { element.value = ''; });
      await this.page.type(selector, text);
    }
  }

  async givesPassword() {
    await this.types({ '#username': user.username, '#password': user.password });
    await this.clicks('#kc-login');
  }

  /** The application has its code. */
  async isIn() {
    await this.page.waitForFunction((to) => location.href.startsWith(to), {}, redirectUri);
    assert.ok(new URL(this.page.url()).searchParams.get('code'), this.page.url());
  }
}

try {
  let admin;
  let alice;
  const settings = async (change) => admin.put(`/realms/${realm}`, { ...(await admin.get(`/realms/${realm}`)), ...change });
  const demands = async (action) => admin.put(`/realms/${realm}/users/${alice}`, {
    ...(await admin.get(`/realms/${realm}/users/${alice}`)), requiredActions: [action],
  });
  const person = await Person.arrives();
  const { page } = person;

  await step('a realm whose second factor is a security key', async () => {
    await setUp(realm, [{ clientId: 'app', publicClient: true, redirectUris: [redirectUri] }]);
    admin = await administrator();
    [{ id: alice }] = await admin.get(`/realms/${realm}/users?username=${user.username}`);
    await admin.post(`/realms/${realm}/authentication/flows/browser/copy`, { newName: 'with keys' });
    const path = `/realms/${realm}/authentication/flows/${encodeURIComponent('with keys')}/executions`;
    const key = (await admin.get(path)).find((one) => one.providerId === 'webauthn-authenticator');
    await admin.put(path, { ...key, requirement: 'ALTERNATIVE' });
    await settings({ browserFlow: 'with keys' });
    await demands('webauthn-register');
  });

  // spec: WAN-02, WAN-08, WAN-13
  await step('the key is registered after the password', async () => {
    await person.opens();
    await person.givesPassword();
    await person.walk.at('webauthn-register');
    await person.types({ '#authenticatorLabel': 'Blue key' });
    await page.click('#registerWebAuthn');
    await person.isIn();
    assert.equal((await person.keys()).length, 1);
    const all = await admin.get(`/realms/${realm}/users/${alice}/credentials`);
    const stored = all.find((one) => one.type === 'webauthn');
    assert.equal(stored.userLabel, 'Blue key');
    assert.equal(JSON.parse(stored.credentialData).aaguid.length, 36);
  });

  // spec: WAN-05, WAN-07
  await step('the password and the key sign in', async () => {
    await person.opens();
    await person.givesPassword();
    assert.match(await page.content(), /Blue key/);
    await person.walk.at('webauthn-authenticate');
    await page.click('#authenticateWebAuthnButton');
    await person.isIn();
  });

  await step('without the key nobody is signed in, and one may try again', async () => {
    const stranger = await Person.arrives();
    await stranger.opens();
    await stranger.givesPassword();
    await stranger.clicks('#authenticateWebAuthnButton');
    await stranger.walk.at('webauthn-error');
    await stranger.clicks('#kc-try-again');
    assert.ok(await stranger.page.$('#authenticateWebAuthnButton'));
    await stranger.walk.end();
  });

  // spec: LGL-04, PKEY-08, PKEY-06
  await step('a passkey is created', async () => {
    await settings({ browserFlow: 'browser' });
    await demands('webauthn-register-passwordless');
    await person.opens();
    await person.givesPassword();
    await person.walk.at('webauthn-register', 'passwordless');
    await page.click('#registerWebAuthn');
    await person.isIn();
    const keys = await person.keys();
    const passkey = keys.find((one) => one.isResidentCredential);
    assert.equal(Buffer.from(passkey.userHandle, 'base64').toString(), alice);
  });

  // spec: PKEY-03, REL-01
  await step('the form offers it by itself: nobody types anything', async () => {
    await settings({ webAuthnPolicyPasswordlessPasskeysEnabled: true });
    await person.opens();
    await person.isIn();
  });

  // spec: PKEY-04
  await step('the form has a button for it', async () => {
    await person.touches(false);
    await person.opens();
    assert.equal(await page.$eval('#username', (element) => element.autocomplete), 'username webauthn');
    await page.waitForSelector('#authenticateWebAuthnButton', { visible: true });
    await person.walk.at('login', 'passkeys');
    await person.touches(true);
    await page.click('#authenticateWebAuthnButton');
    await person.isIn();
  });

  await step('and takes the password as before', async () => {
    await person.touches(false);
    await person.opens();
    await person.givesPassword();
    await person.isIn();
    await person.touches(true);
  });

  // spec: LGL-01, LGL-03
  await step('a flow of the passkey alone', async () => {
    await admin.post(`/realms/${realm}/authentication/flows`, {
      alias: 'passkey', providerId: 'basic-flow', topLevel: true, builtIn: false,
    });
    const path = `/realms/${realm}/authentication/flows/passkey/executions`;
    await admin.post(`${path}/execution`, { provider: 'webauthn-authenticator-passwordless' });
    const [only] = await admin.get(path);
    await admin.put(path, { ...only, requirement: 'REQUIRED' });
    await settings({ browserFlow: 'passkey', webAuthnPolicyPasswordlessPasskeysEnabled: false });
    await person.opens();
    assert.equal(await page.$('#password'), null);
    await page.click('#authenticateWebAuthnButton');
    await person.isIn();
  });

  // spec: LGL-05, WPOL-08
  await step('who is not verified is not let in', async () => {
    await person.verifies(false);
    await person.opens();
    await person.clicks('#authenticateWebAuthnButton');
    await person.walk.at('webauthn-error');
    await person.verifies(true);
  });

  // spec: PKEY-07, WAN-03, WAN-12
  await step('who registers gets a passkey and no password', async () => {
    await admin.post(`/realms/${realm}/authentication/flows/registration/copy`, { newName: 'no password' });
    const path = `/realms/${realm}/authentication/flows/${encodeURIComponent('no password')}/executions`;
    const password = (await admin.get(path)).find((one) => one.providerId === 'registration-password-action');
    await admin.put(path, { ...password, requirement: 'DISABLED' });
    const action = `/realms/${realm}/authentication/required-actions/webauthn-register-passwordless`;
    await admin.put(action, { ...(await admin.get(action)), defaultAction: true });
    await settings({
      browserFlow: 'browser', registrationFlow: 'no password', registrationAllowed: true,
      webAuthnPolicyPasswordlessPasskeysEnabled: true,
    });
    const bob = await Person.arrives();
    await bob.opens();
    await bob.clicks('#kc-registration a');
    assert.equal(await bob.page.$('#password'), null);
    await bob.types({ '#username': 'bob', '#email': 'bob@example.test', '#firstName': 'Bob', '#lastName': 'B' });
    await bob.clicks('[type=submit]');
    await bob.types({ '#authenticatorLabel': 'Telephone' });
    await bob.page.click('#registerWebAuthn');
    await bob.isIn();
    const [{ id }] = await admin.get(`/realms/${realm}/users?username=bob`);
    const all = await admin.get(`/realms/${realm}/users/${id}/credentials`);
    assert.deepEqual(all.map((one) => [one.type, one.userLabel]), [['webauthn-passwordless', 'Telephone']]);
    await bob.opens();
    await bob.isIn();
    await bob.walk.end();
  });
} finally {
  await browser.close();
  callback.close();
}
steps.end();
