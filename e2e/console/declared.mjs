// What a resource declares, and workloads without secrets, as the admin console shows them; and people
// who may not see anything, whose session ended, or whose call failed.
// The server has to allow http://127.0.0.1:ISSUER_PORT as an issuer (--outbound-http-origins).
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... ISSUER_PORT=8085 node declared.mjs [SCREENSHOTS]
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

import { Person, launch } from './browser.mjs';
import { Steps, administrator, base, json } from './support.mjs';

const shots = process.argv[2];
const realm = 'declared';
const steps = new Steps('declared objects');
const { step } = steps;
const id = (name) => `[data-testid="${name}"]`;
const OWNER = 'tool="realmkeep-operator", cluster="prod", kind="Client", namespace="shop", name="web"';

async function token() {
  return (await json(`${base}/realms/master/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: process.env.ADMIN ?? 'admin', password: process.env.ADMIN_PASSWORD }),
  })).access_token;
}

/** A call of the Admin API as a tool makes it; answers the response. */
const call = async (method, path, body, headers = {}) => fetch(`${base}/admin/realms/${realm}${path}`, {
  method, body: body && JSON.stringify(body),
  headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json', ...headers },
});

/** An issuer of workloads' tokens, as a cluster has one. */
async function issuer() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'ES256' };
  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise((resolve) => { server.listen(process.env.ISSUER_PORT, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${server.address().port}`;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    url,
    close: () => server.close(),
    /** A token of the subject, with these claims beside what every one has. */
    token(subject, claims = {}) {
      const now = Math.floor(Date.now() / 1000);
      const text = `${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${part({
        iss: url, sub: subject, aud: `${base}/realms/${realm}`, iat: now, exp: now + 60, jti: randomUUID(), ...claims,
      })}`;
      return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    },
  };
}

const authenticate = (assertion) => fetch(`${base}/realms/${realm}/protocol/openid-connect/token`, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials', client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  }),
});

const browser = await launch();
const workloads = await issuer();
try {
  let api = await administrator();
  const admin = await Person.of(browser);
  const { page } = admin;
  let client;
  const open = async (screen) => {
    await admin.visit(`${base}/admin/master/console/#/${realm}/${screen}`);
    await admin.shows('.pf-v5-c-nav');
    await admin.settled();
  };
  await step('a realm with a client that a resource declares', async () => {
    await api.post('/realms', { realm, enabled: true });
    client = await api.post(`/realms/${realm}/clients`, { clientId: 'web', redirectUris: ['https://web.example.test/*'] });
    const answer = await call('PUT', `/clients/${client}`, { ...(await api.get(`/realms/${realm}/clients/${client}`)), name: 'Declared' }, { 'realmkeep-owner': OWNER });
    assert.equal(answer.status, 204);
    await page.goto(`${base}/admin/master/console/`);
    await admin.login(process.env.ADMIN ?? 'admin', process.env.ADMIN_PASSWORD);
    await admin.shows('.pf-v5-c-nav');
  });
  await step('its screen says whose it is, and is only read', async () => {
    admin.forget();
    await open(`clients/${client}/settings`);
    await admin.shows(id('managed'));
    const said = await page.$eval(id('managed'), (element) => element.innerText);
    assert.match(said, /Managed by Client shop\/web/);
    assert.match(said, /prod/);
    assert.match(said, /kubectl edit client\.realmkeep\.dev web --namespace=shop/);
    for (const field of ['clientId', 'name']) {
      assert.equal(await page.$eval(id(field), (element) => element.matches(':disabled')), true, field);
    }
    await admin.shoot(shots, 'managed-client');
    await admin.accessible();
    admin.nothingFailed();
  });
  await step('a change without its owner is refused by the server, too', async () => {
    const answer = await call('PUT', `/clients/${client}`, { clientId: 'web', name: 'Other' });
    assert.equal(answer.status, 409);
    assert.match((await answer.json()).errorMessage, /managed by realmkeep-operator: Client shop\/web/);
  });
  await step('who means it changes it all the same, and that is told as drift', async () => {
    await page.$$eval(`${id('managed')} button`, ([button]) => button.click());
    await admin.fill(id('name'), 'Changed by hand');
    await page.$eval('[data-testid="settings-save"]', (button) => button.click());
    await admin.shows('.pf-v5-c-alert.pf-m-success');
    assert.equal((await api.get(`/realms/${realm}/clients/${client}`)).name, 'Changed by hand');
    const [resource] = await api.get(`/realms/${realm}/managed-resources`);
    assert.equal(resource.owner.namespace, 'shop');
    const [object] = resource.objects;
    assert.equal(object.name, 'web');
    assert.equal(object.changedBy, process.env.ADMIN ?? 'admin');
    assert.ok(object.changedAt >= object.appliedAt);
    admin.nothingFailed();
  });
  await step('the page of managed resources: objects, last applied, drift', async () => {
    admin.forget();
    await open('managed-resources');
    await admin.shows(id('resource Client shop/web'));
    const text = await admin.text();
    assert.match(text, /web/);
    assert.match(text, /Changed by admin/);
    await admin.shoot(shots, 'managed-resources');
    await admin.accessible();
    await call('PUT', `/clients/${client}`, { ...(await api.get(`/realms/${realm}/clients/${client}`)), name: 'Declared' }, { 'realmkeep-owner': OWNER });
    await open('managed-resources');
    assert.match(await admin.text(), /None since it was applied/);
    admin.nothingFailed();
  });
  await step('workload identities: last use with the pod, and last refusal with the reason', async () => {
    const subject = 'system:serviceaccount:shop:web';
    await api.post(`/realms/${realm}/identity-provider/instances`, {
      alias: 'cluster', providerId: 'oidc', enabled: true,
      config: { issuer: workloads.url, jwksUrl: `${workloads.url}/keys`, useJwksUrl: 'true', validateSignature: 'true', supportsClientAssertions: 'true', clientId: 'us', authorizationUrl: `${workloads.url}/a`, tokenUrl: `${workloads.url}/t` },
    });
    await api.post(`/realms/${realm}/clients`, {
      clientId: 'worker', serviceAccountsEnabled: true, clientAuthenticatorType: 'federated-jwt',
      attributes: { 'jwt.credential.issuer': 'cluster', 'jwt.credential.sub': subject },
    });
    const pod = { 'kubernetes.io': { namespace: 'shop', pod: { name: 'web-7d9f' } } };
    const taken = await authenticate(workloads.token(subject, pod));
    assert.equal(taken.status, 200, await taken.text());
    const refused = await authenticate(workloads.token(subject, { ...pod, aud: 'somebody-else' }));
    assert.equal(refused.status, 400);
    const stranger = await authenticate(workloads.token('system:serviceaccount:shop:other'));
    assert.equal(stranger.status, 401);
    const listed = await api.get(`/realms/${realm}/workload-identities`);
    const worker = listed.find((one) => one.clientId === 'worker');
    assert.equal(worker.subject, subject);
    assert.deepEqual(worker.uses.map((use) => use.pod), ['web-7d9f']);
    assert.match(worker.lastRefusal.reason, /aud/i);
    assert.equal(worker.lastRefusal.pod, 'web-7d9f');
    const other = listed.find((one) => one.subject === 'system:serviceaccount:shop:other');
    assert.equal(other.clientId, null);
    assert.match(other.lastRefusal.reason, /no client has/);
    admin.forget();
    await open('workload-identities');
    const text = await admin.text();
    assert.match(text, /system:serviceaccount:shop:web/);
    assert.match(text, /web-7d9f/);
    assert.match(text, /no client has/);
    await admin.shoot(shots, 'workload-identities');
    await admin.accessible();
    admin.nothingFailed();
  });
  await step('a call that fails says why, and what was typed stays', async () => {
    await open('roles/new');
    await admin.fill(id('name'), 'offline_access');
    await page.$eval(id('save'), (button) => button.click());
    await admin.shows('.pf-v5-c-alert.pf-m-danger');
    assert.match(await page.$eval('.pf-v5-c-alert.pf-m-danger', (alert) => alert.innerText), /already exists/);
    assert.equal(await page.$eval(id('name'), (field) => field.value), 'offline_access');
  });
  await step('an ended session leads to the login, and back to the screen', async () => {
    await open('roles');
    const [{ id: own }] = await api.get(`/realms/master/users?username=${process.env.ADMIN ?? 'admin'}&exact=true`);
    await fetch(`${base}/admin/realms/master/users/${own}/logout`, { method: 'POST', headers: { authorization: `Bearer ${await token()}` } });
    await admin.visit(`${base}/admin/master/console/#/${realm}/roles`);
    await admin.login(process.env.ADMIN ?? 'admin', process.env.ADMIN_PASSWORD);
    await admin.shows('.pf-v5-c-nav');
    await admin.settled();
    assert.match(page.url(), new RegExp(`#/${realm}/roles$`));
    // Its token ended with the session.
    api = await administrator();
  });
  // spec: ADMR-01
  await step('who has no role of the realm sees neither menu nor data', async () => {
    await api.post(`/realms/${realm}/users`, {
      username: 'carol', enabled: true, email: 'carol@example.test', firstName: 'Carol', lastName: 'Ann',
      credentials: [{ type: 'password', value: 'carol horse', temporary: false }],
    });
    const profile = await browser.createBrowserContext();
    const carol = await Person.of(profile);
    await carol.page.goto(`${base}/admin/${realm}/console/#/${realm}/clients`);
    await carol.login('carol', 'carol horse');
    await carol.page.waitForFunction(() => document.querySelector('#app')?.innerText.trim().length > 0);
    await carol.settled();
    assert.equal(await carol.page.$('#nav-item-clients'), null);
    assert.doesNotMatch(await carol.text(), /worker|web\b/);
    await profile.close();
  });
  // spec: ADMR-23
  await step('query-clients alone brings the menu of clients', async () => {
    const [carol] = await api.get(`/realms/${realm}/users?username=carol`);
    const [management] = await api.get(`/realms/${realm}/clients?clientId=realm-management`);
    const role = await api.get(`/realms/${realm}/clients/${management.id}/roles/query-clients`);
    await api.post(`/realms/${realm}/users/${carol.id}/role-mappings/clients/${management.id}`, [role]);
    const profile = await browser.createBrowserContext();
    const person = await Person.of(profile);
    await person.page.goto(`${base}/admin/${realm}/console/`);
    await person.login('carol', 'carol horse');
    await person.shows('#nav-item-clients');
    assert.equal(await person.page.$('#nav-item-users'), null);
    await profile.close();
  });
} finally {
  workloads.close();
  await browser.close();
}
steps.end();
