// The login page in a real browser, as a person uses it:
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node login.mjs
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import puppeteer from 'puppeteer-core';

import { Steps, base, json, setUp, user } from './support.mjs';

const realm = 'browser';
const { password } = user;
const steps = new Steps('browser');
const { step } = steps;

const form = (fields) => ({ method: 'POST', body: new URLSearchParams(fields) });
const endpoint = (name, of = realm) => `${base}/realms/${of}/protocol/openid-connect/${name}`;

// A page of the application's, to come back to.
const callback = createServer((_, response) => response.end('<h1>signed in</h1>'));
await new Promise((resolve) => callback.listen(0, '127.0.0.1', resolve));
const redirectUri = `http://127.0.0.1:${callback.address().port}/callback`;

const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const authorization = (extra = {}) =>
  `${endpoint('auth')}?${new URLSearchParams({
    client_id: 'app', redirect_uri: redirectUri, response_type: 'code', scope: 'openid', state: 'state-1',
    nonce: 'nonce-1', code_challenge: challenge, code_challenge_method: 'S256', ...extra,
  })}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

async function fresh(javascript) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  await page.setJavaScriptEnabled(javascript);
  return page;
}
async function submit(page, username, secret) {
  await page.$eval('#username', (element) => { element.value = ''; }).catch(() => {});
  await page.type('#username', username);
  await page.type('#password', secret);
  await Promise.all([page.waitForNavigation(), page.click('#kc-login')]);
}

try {
  await step('a realm, a client and a user', () =>
    setUp(realm, [{
      clientId: 'app', publicClient: true, redirectUris: [redirectUri], attributes: { 'pkce.code.challenge.method': 'S256' },
    }], { displayName: 'Browser test' }));

  for (const javascript of [true, false]) {
    const how = javascript ? 'with JavaScript' : 'without JavaScript';
    const page = await fresh(javascript);
    await step(`the login page, ${how}`, async () => {
      const response = await page.goto(authorization());
      assert.equal(response.status(), 200);
      assert.match(await page.title(), /\S/);
      assert.ok(await page.$('#username'));
      assert.equal(await page.$eval('#password', (element) => element.type), 'password');
      assert.equal(await page.$eval('#kc-login', (element) => element.name), 'login');
    });
    await step(`a wrong password is told, ${how}`, async () => {
      await submit(page, 'alice', 'wrong');
      assert.ok(page.url().startsWith(base), page.url());
      assert.ok(await page.$('#password'));
      assert.doesNotMatch(await page.content(), /wrong"/);
    });
    // spec: OIDC-04, OEP-01
    const code = await step(`the right one leads back with a code, ${how}`, async () => {
      await page.goto(authorization());
      await submit(page, 'alice', password);
      const url = new URL(page.url());
      assert.equal(`${url.origin}${url.pathname}`, redirectUri);
      assert.equal(url.searchParams.get('state'), 'state-1');
      assert.equal(url.searchParams.get('iss'), `${base}/realms/${realm}`);
      return url.searchParams.get('code');
    });
    const exchange = form({ grant_type: 'authorization_code', client_id: 'app', code, redirect_uri: redirectUri, code_verifier: verifier });
    // spec: OEP-02
    const tokens = await step(`the code becomes tokens, ${how}`, async () => {
      const answer = await json(endpoint('token'), exchange);
      const claims = JSON.parse(Buffer.from(answer.id_token.split('.')[1], 'base64url'));
      assert.equal(claims.nonce, 'nonce-1');
      assert.equal(claims.preferred_username, 'alice');
      return answer;
    });
    if (!javascript && tokens) {
      // spec: OEP-04
      await step('userinfo', async () => {
        const info = await json(endpoint('userinfo'), { headers: { authorization: `Bearer ${tokens.access_token}` } });
        assert.equal(info.email, 'alice@example.test');
      });
    }
    // spec: OIDC-05
    await step(`the code does not work twice, ${how}`, async () => {
      const again = await fetch(endpoint('token'), exchange);
      assert.equal(again.status, 400);
      assert.equal((await again.json()).error, 'invalid_grant');
    });
    if (javascript) {
      await step('a second visit needs no password', async () => {
        const again = await fresh(true);
        await again.goto(authorization());
        await submit(again, 'alice', password);
        await again.goto(authorization({ state: 'state-2' }));
        assert.equal(new URL(again.url()).searchParams.get('state'), 'state-2');
        const secondCode = new URL(again.url()).searchParams.get('code');
        const second = await json(endpoint('token'), form({ grant_type: 'authorization_code', client_id: 'app', code: secondCode, redirect_uri: redirectUri, code_verifier: verifier }));
        await again.goto(`${endpoint('logout')}?${new URLSearchParams({ id_token_hint: second.id_token })}`);
        await again.goto(authorization({ state: 'state-3' }));
        assert.ok(await again.$('#password'), `after logout: ${again.url()}`);
      });
    }
    await page.browserContext().close();
  }

  await step('a redirect URI that is not registered shows an error and leads nowhere', async () => {
    const page = await fresh(true);
    const response = await page.goto(authorization({ redirect_uri: 'https://evil.example.test/' }));
    assert.equal(response.status(), 400);
    assert.ok(page.url().startsWith(base));
  });
  // spec: LOGIN-12
  await step('the page may neither be framed nor kept by a cache', async () => {
    const page = await fresh(true);
    const headers = (await page.goto(authorization())).headers();
    assert.match(headers['content-security-policy'] ?? '', /frame-ancestors/);
    assert.match(headers['cache-control'] ?? '', /no-store/);
  });
} finally {
  await browser.close();
  callback.close();
}
steps.end();
