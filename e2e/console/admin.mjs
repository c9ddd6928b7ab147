// Every screen of the admin console in Chromium: no page error, no failed call.
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node admin.mjs [SCREENSHOTS]
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';

import puppeteer from 'puppeteer-core';

import { Steps, administrator, base } from './support.mjs';

const shots = process.argv[2];
const realm = 'walk';
const steps = new Steps('admin console');
const { step } = steps;

/** A realm with one of everything; answers the ids that addresses need. */
async function setUp() {
  const { get, post: made } = await administrator();
  await made('/realms', { realm, enabled: true, displayName: 'Walk' });
  const at = `/realms/${realm}`;
  const ids = {
    client: await made(`${at}/clients`, { clientId: 'app', redirectUris: ['https://app.example.test/*'], serviceAccountsEnabled: true }),
    user: await made(`${at}/users`, { username: 'alice', enabled: true, email: 'alice@example.test' }),
    scope: await made(`${at}/client-scopes`, { name: 'things', protocol: 'openid-connect' }),
    group: await made(`${at}/groups`, { name: 'people' }),
  };
  await made(`${at}/roles`, { name: 'reader' });
  ids.role = (await get(`${at}/roles/reader`)).id;
  ids.flow = (await get(`${at}/authentication/flows`)).find((flow) => flow.alias === 'browser').id;
  await made(`${at}/identity-provider/instances`, {
    alias: 'upstream', providerId: 'oidc', enabled: true,
    config: {
      clientId: 'us', clientSecret: 'secret', clientAuthMethod: 'client_secret_post', authorizationUrl: 'https://idp.example.test/auth',
      tokenUrl: 'https://idp.example.test/token', issuer: 'https://idp.example.test',
    },
  });
  return ids;
}

function screens({ client, user, scope, group, role, flow }) {
  const tabs = (path, names) => names.map((name) => `${path}/${name}`);
  return [
    '', ...tabs('clients', ['clients-list', 'initialAccessToken', 'client-registration']).map((one) => one.replace('clients-list', '')),
    'clients/add-client', 'clients/import-client',
    ...tabs(`clients/${client}`, ['settings', 'credentials', 'keys', 'roles', 'clientScopes/setup', 'clientScopes/evaluateScopes', 'sessions', 'serviceAccount', 'advanced', 'user-events']),
    `clients/${client}/roles/new`, 'client-scopes', 'client-scopes/new',
    ...tabs(`client-scopes/${scope}`, ['settings', 'mappers', 'scope']),
    'roles', 'roles/new', ...tabs(`roles/${role}`, ['details', 'attributes', 'users-in-role']),
    'users', 'users/add-user',
    ...tabs(`users/${user}`, ['settings', 'attributes', 'credentials', 'role-mapping', 'groups', 'consents', 'sessions', 'user-events']),
    'groups', `groups/${group}`, 'sessions', 'events', ...tabs('events', ['user-events', 'admin-events']),
    ...tabs('realm-settings', ['general', 'login', 'email', 'themes', 'keys/list', 'keys/providers', 'events', 'localization', 'security-defenses', 'sessions', 'tokens', 'client-policies/profiles', 'client-policies/policies', 'user-profile/attributes', 'user-profile/attributes-group', 'user-profile/json-editor', 'user-registration']),
    'authentication', ...tabs('authentication', ['required-actions', 'policies']), `authentication/${flow}/browser/builtIn`, 'authentication/flows/create',
    'identity-providers', 'identity-providers/oidc/upstream/settings', 'identity-providers/oidc/upstream/mappers', 'identity-providers/kubernetes/add', 'identity-providers/oidc/add',
    'user-federation',
  ];
}

// The e-mail tab looks for the administrator's account in the realm that is shown, where it is not.
const isOwnAccount = (response) =>
  response.status() === 404 && new RegExp(`/admin/realms/${realm}/users/[0-9a-f-]+$`).test(response.url()) && /realm-settings\/email/.test(response.frame()?.url() ?? '');

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
  defaultViewport: { width: 1280, height: 900 },
});
try {
  const ids = await step('a realm with one of everything', setUp);
  const page = await browser.newPage();
  page.setDefaultTimeout(20000);
  let problems = [];
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400 && response.url().startsWith(base) && !isOwnAccount(response)) {
      problems.push(`${response.status()} ${response.request().method()} ${response.url().slice(base.length)}`);
    }
  });
  const shown = async (what) => {
    if (shots) {
      mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: `${shots}/${what.replaceAll('/', '_') || 'welcome'}.png` });
    }
  };
  await step('login', async () => {
    await page.goto(`${base}/admin/master/console/`);
    await page.waitForSelector('#username');
    await page.type('#username', process.env.ADMIN ?? 'admin');
    await page.type('#password', process.env.ADMIN_PASSWORD);
    await Promise.all([page.waitForNavigation(), page.click('#kc-login')]);
    await page.waitForSelector('.pf-v5-c-nav', { timeout: 20000 });
    assert.deepEqual(problems, []);
  });
  for (const screen of ids ? screens(ids) : []) {
    await step(screen || 'welcome', async () => {
      problems = [];
      // The console looks at the realm of an address when it starts.
      await page.goto('about:blank');
      await page.goto(`${base}/admin/master/console/#/${realm}${screen ? `/${screen}` : ''}`, { waitUntil: 'networkidle0' });
      await page.waitForFunction(() => !document.querySelector('.pf-v5-c-spinner'), { timeout: 5000 }).catch(() => problems.push('it stays loading'));
      const text = await page.$eval('#app', (element) => element.innerText);
      await shown(screen);
      assert.match(text, /\S/);
      assert.doesNotMatch(text, /Something went wrong|Page not found|Could not find the resource/i);
      assert.doesNotMatch(text, /Keycloak/);
      assert.deepEqual(problems, []);
    });
  }
} finally {
  await browser.close();
}
steps.end();
