// Every screen of the admin console in Chromium: no page error, no failed call, nothing that axe calls
// serious.
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node admin.mjs [SCREENSHOTS]
import assert from 'node:assert/strict';

import { Person, launch, shared } from './browser.mjs';
import { known } from './inaccessible.mjs';
import { Steps, administrator, base } from './support.mjs';

const shots = process.argv[2];
const realm = 'walk';
/** Pages that are walked at once. */
const HANDS = 3;
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
    'user-federation', 'managed-resources', 'workload-identities',
  ];
}

// The e-mail tab looks for the administrator's account in the realm that is shown, where it is not.
const isOwnAccount = (response) =>
  response.status() === 404 && new RegExp(`/admin/realms/${realm}/users/[0-9a-f-]+$`).test(response.url()) && /realm-settings\/email/.test(response.frame()?.url() ?? '');

const browser = await launch();
try {
  const ids = await step('a realm with one of everything', setUp);
  const people = [await Person.of(browser)];
  await step('login', async () => {
    const [first] = people;
    await first.page.goto(`${base}/admin/master/console/`);
    await first.login(process.env.ADMIN ?? 'admin', process.env.ADMIN_PASSWORD);
    await first.shows('.pf-v5-c-nav');
    first.nothingFailed();
    while (people.length < HANDS) people.push(await Person.of(browser));
    await Promise.all(people.map(async (person) => {
      person.expected = isOwnAccount;
      await person.visit(`${base}/admin/master/console/#/${realm}`);
      await person.shows('.pf-v5-c-nav');
      await person.settled();
    }));
  });
  const only = process.env.SCREENS_LIKE && new RegExp(process.env.SCREENS_LIKE);
  await shared((ids ? screens(ids) : []).filter((one) => !only || only.test(one)), people, (person, screen) => step(screen || 'welcome', async () => {
    person.forget();
    const address = `/${realm}${screen ? `/${screen}` : ''}`;
    if (person.isLost) {
      // The console looks at the realm of an address when it starts.
      await person.visit(`${base}/admin/master/console/#${address}`);
      await person.shows('.pf-v5-c-nav');
    } else {
      await person.page.evaluate((to) => { window.location.hash = to; }, address);
    }
    person.isLost = true;
    await person.settled();
    const text = await person.text();
    await person.shoot(shots, screen.replaceAll('/', '_') || 'welcome');
    person.nothingFailed();
    assert.match(text, /\S/);
    assert.doesNotMatch(text, /Something went wrong|Cannot read|Page not found|Could not find the resource|Forbidden/i);
    assert.doesNotMatch(text, /Keycloak/);
    await person.accessible((violation) => known(screen, violation));
    person.nothingFailed();
    person.isLost = false;
  }));
} finally {
  await browser.close();
}
steps.end();
