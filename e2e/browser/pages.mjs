// Every page that an end user sees, in a real browser: light, dark, from right to left, on a phone,
// and without JavaScript. The files walk-*.mjs say how a person gets to them:
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... [SCREENS=folder] node pages.mjs
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';

import puppeteer from 'puppeteer-core';

import { Mailbox } from './mailbox.mjs';
import { Steps, administrator, base } from './support.mjs';
import { MODES, Walk } from './walk.mjs';

/** Pages that no walk leads to: what does instead, or what they wait for. */
const ELSEWHERE = {
  'idp-review-user-profile': 'identity brokering',
  'login-idp-link-confirm': 'identity brokering',
  'login-idp-link-email': 'identity brokering',
  'login-x509-info': 'client certificates of users',
  'saml-post-form': 'SAML',
  'webauthn-authenticate': 'webauthn.mjs, which has keys',
  'webauthn-error': 'webauthn.mjs',
  'webauthn-register': 'webauthn.mjs',
  welcome: 'welcome.mjs, on a server without an administrator',
};

const steps = new Steps('pages');
const realm = 'pages';
const password = 'correct horse';

// An application: what it is sent to, and what it would load in a frame.
const application = createServer((_, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<!DOCTYPE html><html lang="en"><title>An application</title><body><h1>An application</h1>');
});
await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${application.address().port}`;
const callback = `${origin}/callback`;

const mailbox = await Mailbox.start();
const admin = await administrator();
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

/** What walks share. */
const world = {
  base, realm, password, admin, mailbox, origin, callback,
  endpoint: (name) => `${base}/realms/${realm}/protocol/openid-connect/${name}`,
  authorization: (extra = {}) => `${world.endpoint('auth')}?${new URLSearchParams({
    client_id: 'app', redirect_uri: callback, response_type: 'code', scope: 'openid', state: 'state-1', ...extra,
  })}`,
  /** A new user, who signs in with `password`; answers the id. */
  user: (username, more = {}) => admin.post(`/realms/${realm}/users`, {
    username, enabled: true, email: `${username}@example.test`, emailVerified: true, firstName: 'Alice', lastName: 'Liddell', ...more,
    credentials: [{ type: 'password', value: password, temporary: false }, ...(more.credentials ?? [])],
  }),
  client: (clientId, more = {}) => admin.post(`/realms/${realm}/clients`, {
    clientId, publicClient: true, redirectUris: [callback], baseUrl: `${origin}/`, name: 'Webshop', ...more,
  }),
  /** Types name and password into the login form. */
  signIn: async (w, username) => {
    await w.fill('#username', username);
    await w.fill('#password', password);
    return w.press('#kc-login');
  },
  /** The parameters that the application was sent back with. */
  returned: (w) => {
    const url = new URL(w.page.url());
    assert.equal(`${url.origin}${url.pathname}`, callback, 'back at the application');
    return url.searchParams;
  },
};

await admin.post('/realms', {
  realm, enabled: true, displayName: 'Fabrikam Stores',
  registrationAllowed: true, resetPasswordAllowed: true, rememberMe: true, verifyEmail: true,
  internationalizationEnabled: true, supportedLocales: ['en', 'de', 'fr', 'es', 'ja', 'zh-CN', 'ar'], defaultLocale: 'en',
  otpPolicyLookAheadWindow: 4, smtpServer: mailbox.settings,
});
for (const locale of ['en', 'ar']) await admin.post(`/realms/${realm}/localization/${locale}`, { termsText: `${'What you agree to when you shop with us, in some words. '.repeat(12)}` });
await world.client('app');

const files = readdirSync(import.meta.dirname).filter((name) => /^walk-.*\.mjs$/.test(name)).sort();
const parts = [];
for (const file of files) parts.push(await import(`./${file}`));
const only = process.argv[2];
try {
  for (const part of parts) {
    if (part.prepare) await steps.step(`${part.about}: made ready`, () => part.prepare(world));
    for (const [name, walk] of Object.entries(part.walks)) {
      if (only !== undefined && only !== name) continue;
      for (const mode of MODES) {
        const w = new Walk(browser, mode, base, [origin]);
        await w.begin();
        // Names of what a walk makes, so that walks do not meet.
        const unique = `${name}-${MODES.indexOf(mode)}`.replaceAll(' ', '-');
        await steps.step(`${part.about}: ${name} (${mode.name})`, () => walk(w, { ...world, unique }));
        await w.end();
      }
    }
  }
  if (only === undefined) {
    await steps.step('every page was seen', async () => {
      const { themes } = await admin.get('/serverinfo');
      assert.ok(themes.login.length > 0);
      const templates = process.env.TEMPLATES.split(' ');
      const missing = templates.filter((name) => !Walk.seen.has(name) && !(name in ELSEWHERE));
      assert.deepEqual(missing, []);
      assert.deepEqual(Object.keys(ELSEWHERE).filter((name) => Walk.seen.has(name)), [], 'seen after all');
    });
  }
} finally {
  await browser.close();
  application.close();
  mailbox.stop();
}
steps.end();
