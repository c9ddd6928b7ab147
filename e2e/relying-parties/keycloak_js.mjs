// keycloak-js in Chromium, in a page of an application's own: login, silent check, refresh, logout.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

import puppeteer from 'puppeteer-core';

import { Steps, base, setUp, user } from './support.mjs';

const steps = new Steps('keycloak-js');
const library = await readFile(new URL('./node_modules/keycloak-js/lib/keycloak.js', import.meta.url));
const page = (script) => `<!doctype html><meta charset="utf-8"><title>application</title><script type="module">${script}</script>`;
const application = `
  import Keycloak from '/keycloak.js';
  const options = Object.fromEntries(new URLSearchParams(location.search));
  const keycloak = new Keycloak({ url: '${base}', realm: 'keycloak-js', clientId: 'spa' });
  window.keycloak = keycloak;
  keycloak.init({
    onLoad: 'check-sso', pkceMethod: 'S256', checkLoginIframe: options.iframe === 'true',
    silentCheckSsoRedirectUri: options.silent === 'true' ? location.origin + '/silent' : undefined,
    ...(options.flow ? { flow: options.flow } : {}),
  }).then((authenticated) => { window.answer = { authenticated }; }, (error) => { window.answer = { error: JSON.stringify(error) }; });`;
const server = createServer((request, response) => {
  const script = request.url.startsWith('/keycloak.js');
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
  if (script) response.end(library);
  else if (request.url.startsWith('/silent')) response.end(page('parent.postMessage(location.href, location.origin);'));
  else response.end(page(application));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
try {
  await steps.step('a realm, a client and a user', () =>
    setUp('keycloak-js', [{
      clientId: 'spa', publicClient: true, redirectUris: [`${origin}/*`], webOrigins: [origin], implicitFlowEnabled: true,
      attributes: { 'post.logout.redirect.uris': '+', 'pkce.code.challenge.method': '' },
    }]));
  const tab = await browser.newPage();
  tab.setDefaultTimeout(20000);
  const started = async (query = '') => {
    await tab.goto(`${origin}/${query}`);
    await tab.waitForFunction('window.answer');
    const answer = await tab.evaluate('window.answer');
    assert.equal(answer.error, undefined);
    return answer.authenticated;
  };
  await steps.step('nobody is signed in at first', async () => assert.equal(await started(), false));
  await steps.step('login by the page', async () => {
    await Promise.all([tab.waitForNavigation(), tab.evaluate('void keycloak.login()')]);
    await tab.waitForSelector('#username');
    await tab.type('#username', user.username);
    await tab.type('#password', user.password);
    await Promise.all([tab.waitForNavigation(), tab.click('#kc-login')]);
    await tab.waitForFunction('window.answer');
    assert.deepEqual(await tab.evaluate('window.answer'), { authenticated: true });
    assert.equal(await tab.evaluate('keycloak.tokenParsed.preferred_username'), user.username);
  });
  await steps.step('the profile and userinfo, across origins', async () => {
    const info = await tab.evaluate('keycloak.loadUserInfo()');
    assert.equal(info.email, 'alice@example.test');
  });
  await steps.step('a refresh, across origins', async () => {
    assert.equal(await tab.evaluate('keycloak.updateToken(-1)'), true);
  });
  await steps.step('a reloaded page finds the session again', async () => assert.equal(await started(), true));
  await steps.step('silently, in a frame', async () => assert.equal(await started('?silent=true'), true));
  await steps.step('with the session frame', async () => assert.equal(await started('?iframe=true'), true));
  await steps.step('the hybrid flow', async () => assert.equal(await started('?flow=hybrid'), true));
  await steps.step('logout', async () => {
    await started();
    await Promise.all([
      tab.waitForFunction('window.answer && !window.answer.authenticated'),
      tab.evaluate('void keycloak.logout({ redirectUri: location.origin + "/" })'),
    ]).catch(async (error) => { throw new Error(`${error.message} at ${tab.url()}`); });
    assert.equal(await started(), false);
  });
} finally {
  await browser.close();
  server.close();
}
steps.end();
