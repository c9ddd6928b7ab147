// The Admin API: what is created, read, changed and deleted, and what is refused on the way.
import { json, location, send } from '../http.mjs';
import { group, one } from '../cases.mjs';
import { callback } from '../realm.mjs';

const idOf = (answer) => location(answer)?.split('/').pop();
const UNKNOWN = '11111111-1111-1111-1111-111111111111';

/**
 * Collections: path, what a good member is, its natural key, and how it is found again. A path
 * with `{client}` or `{user}` is below the client `app` or the user `alice`.
 */
const COLLECTIONS = [
  { name: 'users', path: '/users', body: { username: 'made', email: 'made@example.test', enabled: true, attributes: { color: ['blue'] } }, change: { firstName: 'Changed' }, wrong: { enabled: 'perhaps' }, missing: 'username' },
  { name: 'groups', path: '/groups', body: { name: 'made', attributes: { color: ['blue'] } }, change: { name: 'made', attributes: { color: ['red'] } }, wrong: { name: {} }, missing: 'name' },
  { name: 'roles', path: '/roles', body: { name: 'made', description: 'Made' }, change: { name: 'made', description: 'Changed' }, wrong: { name: {} }, missing: 'name', byName: true },
  { name: 'client roles', path: '/clients/{client}/roles', body: { name: 'made' }, change: { name: 'made', description: 'Changed' }, wrong: { name: {} }, missing: 'name', byName: true },
  { name: 'clients', path: '/clients', body: { clientId: 'made', redirectUris: [callback] }, change: { clientId: 'made', name: 'Changed' }, wrong: { enabled: 'perhaps' }, missing: 'clientId' },
  { name: 'client scopes', path: '/client-scopes', body: { name: 'made', protocol: 'openid-connect', attributes: { 'include.in.token.scope': 'true' } }, change: { name: 'made', description: 'Changed', protocol: 'openid-connect' }, wrong: { attributes: [] }, missing: 'name' },
  { name: 'identity providers', path: '/identity-provider/instances', body: { alias: 'made', providerId: 'oidc', config: { clientId: 'x', clientSecret: 'y', authorizationUrl: 'https://idp.test/auth', tokenUrl: 'https://idp.test/token' } }, change: { alias: 'made', providerId: 'oidc', displayName: 'Changed', config: { clientId: 'x' } }, wrong: { enabled: 'perhaps' }, missing: 'providerId', byAlias: true },
  { name: 'components', path: '/components', body: { name: 'made', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', config: { priority: ['1'] } }, change: { name: 'made', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', config: { priority: ['2'] } }, wrong: { config: [] }, missing: 'providerId', mayRepeat: true },
  { name: 'protocol mappers', path: '/clients/{client}/protocol-mappers/models', body: { name: 'made', protocol: 'openid-connect', protocolMapper: 'oidc-hardcoded-claim-mapper', config: { 'claim.name': 'made', 'claim.value': 'x', 'access.token.claim': 'true' } }, change: { name: 'made', protocol: 'openid-connect', protocolMapper: 'oidc-hardcoded-claim-mapper', config: { 'claim.name': 'changed', 'claim.value': 'y' } }, wrong: { config: [] }, missing: 'protocolMapper', changeWithId: true },
  { name: 'flows', path: '/authentication/flows', body: { alias: 'made', providerId: 'basic-flow', topLevel: true, builtIn: false }, change: { alias: 'made', description: 'Changed', providerId: 'basic-flow', topLevel: true, builtIn: false }, wrong: { topLevel: 'perhaps' }, missing: 'alias', changeWithId: true },
];

const ids = new Map();
/** The path with the ids of this server in the place of names. */
async function resolved(subject, path) {
  let to = path;
  for (const [mark, lookup] of [
    ['{client}', '/clients?clientId=app'], ['{user}', '/users?username=alice&exact=true'], ['{other}', '/users?username=unverified&exact=true'], ['{group}', '/groups?search=staff'],
    ['{scope}', '/client-scopes'], ['{flow}', '/authentication/flows'], ['{service}', '/clients?clientId=realm-management'],
  ]) {
    if (!to.includes(mark)) continue;
    const key = `${subject.name} ${mark}`;
    if (!ids.has(key)) {
      const list = json(await subject.admin('GET', lookup));
      const named = { '{scope}': (item) => item.name === 'profile', '{flow}': (item) => item.alias === 'browser' }[mark] ?? (() => true);
      ids.set(key, list.find(named).id);
    }
    to = to.replaceAll(mark, ids.get(key));
  }
  return to;
}

const call = async (subject, method, path, body, headers) => subject.admin(method, await resolved(subject, path), body, headers);

function collection({ name, path, body, change, wrong, missing, byName, byAlias, mayRepeat, changeWithId }) {
  /** A member of its own for a case, and its path. */
  const make = async (subject, mark) => {
    const renamed = JSON.parse(JSON.stringify(body).replaceAll('made', `made-${mark}`));
    const answer = await call(subject, 'POST', path, renamed);
    if (answer.status !== 201) throw new Error(`${subject.name}: ${answer.status} ${answer.text}`);
    const key = byName ? renamed.name : byAlias ? renamed.alias : idOf(answer);
    return { renamed, path: `${byName && path === '/roles' ? '/roles' : path}/${key}`, id: key, again: () => call(subject, 'POST', path, renamed) };
  };
  const changed = (made, mark) => ({ ...JSON.parse(JSON.stringify(change).replaceAll('"made"', `"made-${mark}"`)), ...(changeWithId ? { id: made.id } : {}) });
  return group(name,
    one('created', (subject) => call(subject, 'POST', path, body)),
    ...(mayRepeat ? [] : [one('created twice', async (subject) => (await make(subject, 'twice')).again())]),
    one('created from nothing', (subject) => call(subject, 'POST', path, {})),
    one('created without a body', (subject) => call(subject, 'POST', path)),
    one('created from no JSON', (subject) => call(subject, 'POST', path, '{')),
    one('created from a list', (subject) => call(subject, 'POST', path, [])),
    one('created from a text', (subject) => call(subject, 'POST', path, '"text"')),
    one('created from null', (subject) => call(subject, 'POST', path, 'null')),
    one('created with a value of another type', (subject) => call(subject, 'POST', path, { ...body, ...wrong })),
    one(`created without ${missing}`, (subject) => call(subject, 'POST', path, { ...body, [missing]: undefined })),
    one('created with an unknown member', (subject) => call(subject, 'POST', path, { ...JSON.parse(JSON.stringify(body).replaceAll('made', 'made-unknown')), nonsense: true })),
    one('created as a form', (subject) => call(subject, 'POST', path, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' })),
    one('read', async (subject) => call(subject, 'GET', (await make(subject, 'read')).path)),
    one('read, unknown', (subject) => call(subject, 'GET', `${path}/${UNKNOWN}`)),
    one('changed', async (subject) => {
      const made = await make(subject, 'changed');
      return { change: await call(subject, 'PUT', made.path, changed(made, 'changed')), then: await call(subject, 'GET', made.path) };
    }),
    one('changed, unknown', (subject) => call(subject, 'PUT', `${path}/${UNKNOWN}`, { ...change, ...(changeWithId ? { id: UNKNOWN } : {}) })),
    one('changed to no JSON', async (subject) => call(subject, 'PUT', (await make(subject, 'broken')).path, '{')),
    one('changed to a value of another type', async (subject) => call(subject, 'PUT', (await make(subject, 'typed')).path, wrong)),
    one('deleted', async (subject) => {
      const made = await make(subject, 'deleted');
      return { deletion: await call(subject, 'DELETE', made.path), then: await call(subject, 'GET', made.path) };
    }),
    one('deleted, unknown', (subject) => call(subject, 'DELETE', `${path}/${UNKNOWN}`)),
    one('by PATCH', (subject) => call(subject, 'PATCH', path, {})),
  );
}

/** What is read, and compared name by name. */
const READ = [
  '', '/users', '/users/count', '/users?search=alice', '/users?username=ali', '/users?username=ali&exact=true', '/users?email=alice%40example.test', '/users?enabled=false', '/users?emailVerified=false', '/users?first=1&max=2', '/users?max=0', '/users?first=-1', '/users?max=nonsense', '/users?search=*ffli*', '/users?search=nobody', '/users?briefRepresentation=true', '/users?q=color:blue',
  '/users/{user}', '/users/{user}/groups', '/users/{user}/groups/count', '/users/{user}/role-mappings', '/users/{user}/role-mappings/realm', '/users/{user}/role-mappings/realm/available', '/users/{user}/role-mappings/realm/composite', '/users/{user}/role-mappings/clients/{client}', '/users/{user}/role-mappings/clients/{client}/available', '/users/{user}/role-mappings/clients/{client}/composite', '/users/{user}/credentials', '/users/{user}/configured-user-storage-credential-types', '/users/{user}/consents', '/users/{user}/federated-identity', '/users/{user}/unmanagedAttributes', '/users/profile', '/users/profile/metadata',
  '/groups', '/groups/count', '/groups/{group}', '/groups/{group}/members', '/groups/{group}/children', '/groups/{group}/role-mappings', '/groups/{group}/role-mappings/realm/composite', '/groups?search=sta', '/groups?briefRepresentation=false', '/group-by-path/staff', '/group-by-path/nowhere', '/default-groups',
  '/roles', '/roles?search=read', '/roles/writer', '/roles/writer/composites', '/roles/writer/composites/realm', '/roles/writer/users', '/roles/writer/groups', '/roles/nothing', '/clients/{client}/roles', '/clients/{client}/roles/operator', '/clients/{client}/roles/operator/users',
  '/clients?clientId=app', '/clients?clientId=nobody', '/clients?search=true&clientId=ap', '/clients?clientId=app&first=0&max=1', '/clients/{client}/client-secret', '/clients/{client}/service-account-user', '/clients/{client}/default-client-scopes', '/clients/{client}/optional-client-scopes', '/clients/{client}/protocol-mappers/models', '/clients/{client}/scope-mappings', '/clients/{client}/scope-mappings/realm/available', '/clients/{client}/evaluate-scopes/protocol-mappers?scope=openid', '/clients/{client}/evaluate-scopes/generate-example-access-token?scope=openid&userId={user}', '/clients/{client}/evaluate-scopes/generate-example-id-token?scope=openid&userId={user}', '/clients/{client}/evaluate-scopes/generate-example-userinfo?scope=openid&userId={user}', '/clients/{client}/session-count', '/clients/{client}/offline-session-count', '/clients/{client}/installation/providers/keycloak-oidc-keycloak-json', '/clients/{client}/installation/providers/nothing', '/clients/{client}/certificates/jwt.credential', '/clients/{client}/management/permissions',
  '/client-scopes', '/client-scopes/{scope}', '/client-scopes/{scope}/protocol-mappers/models', '/client-scopes/{scope}/scope-mappings', '/default-default-client-scopes', '/default-optional-client-scopes', '/client-session-stats', '/clients-initial-access', '/client-registration-policy/providers', '/client-policies/policies', '/client-policies/profiles',
  '/identity-provider/instances', '/identity-provider/providers/oidc', '/components?type=org.keycloak.keys.KeyProvider', '/components?type=org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy', '/keys', '/events', '/events/config', '/admin-events', '/localization', '/localization/en', '/credential-registrators', '/attack-detection/brute-force/users/{user}',
  '/authentication/flows', '/authentication/flows/browser/executions', '/authentication/flows/{flow}', '/authentication/required-actions', '/authentication/required-actions/UPDATE_PASSWORD', '/authentication/required-actions/nothing', '/authentication/unregistered-required-actions', '/authentication/authenticator-providers', '/authentication/client-authenticator-providers', '/authentication/form-providers', '/authentication/form-action-providers', '/authentication/per-client-config-description', '/authentication/config-description/auth-otp-form', '/nothing',
];
/** Long lists of which the names and types say enough. */
const SHAPES = new Set(['/users/profile', '/users/profile/metadata', '/users/{user}/credentials', '/clients/{client}/session-count', '/clients/{client}/offline-session-count', '/client-session-stats', '/keys', '/events', '/admin-events', '/authentication/per-client-config-description', '/client-registration-policy/providers', '/authentication/authenticator-providers', '/authentication/client-authenticator-providers', '/authentication/form-action-providers', '/authentication/form-providers', '/authentication/config-description/auth-otp-form', '/client-policies/policies', '/client-policies/profiles']);

const READERS = {
  'without a token': async () => ({}),
  'with nonsense for a token': async () => ({ authorization: 'Bearer nonsense' }),
  'with a token without rights': async (subject) => ({ authorization: `Bearer ${await subject.own()}` }),
  'with an ID token': async (subject) => ({ authorization: `Bearer ${(await subject.tokens()).id_token}` }),
  'with basic': async () => ({ authorization: 'Basic YTpi' }),
};

const acts = {
  'password set': ['PUT', '/users/{other}/reset-password', { type: 'password', value: 'correct horse battery', temporary: false }],
  'password set to nothing': ['PUT', '/users/{other}/reset-password', { type: 'password' }],
  'password of another type': ['PUT', '/users/{other}/reset-password', { type: 'otp', value: 'x' }],
  'password of nobody': ['PUT', `/users/${UNKNOWN}/reset-password`, { type: 'password', value: 'x' }],
  'role given': ['POST', '/users/{user}/role-mappings/realm', []],
  'role given that is none': ['POST', '/users/{user}/role-mappings/realm', [{ id: UNKNOWN, name: 'nothing' }]],
  'role given as an object': ['POST', '/users/{user}/role-mappings/realm', {}],
  'group joined that is none': ['PUT', `/users/{user}/groups/${UNKNOWN}`],
  'group left that is none': ['DELETE', `/users/{user}/groups/${UNKNOWN}`],
  'credential deleted that is none': ['DELETE', `/users/{user}/credentials/${UNKNOWN}`],
  'signed out': ['POST', '/users/{user}/logout'],
  'session deleted that is none': ['DELETE', `/sessions/${UNKNOWN}`],
  'consent revoked that is none': ['DELETE', '/users/{user}/consents/app'],
  'composites added that are none': ['POST', '/roles/writer/composites', [{ id: UNKNOWN }]],
  'default scope that is none': ['PUT', `/clients/{client}/default-client-scopes/${UNKNOWN}`],
  'realm default scope that is none': ['PUT', `/default-default-client-scopes/${UNKNOWN}`],
  'node registered': ['POST', '/clients/{client}/nodes', { node: 'node.test' }],
  'node unregistered that is none': ['DELETE', '/clients/{client}/nodes/nothing'],
  'flow copied': ['POST', '/authentication/flows/browser/copy', { newName: 'copied' }],
  'flow copied that is none': ['POST', '/authentication/flows/nothing/copy', { newName: 'copied' }],
  'execution added of an unknown provider': ['POST', '/authentication/flows/browser/executions/execution', { provider: 'nothing' }],
  'execution of an unknown id deleted': ['DELETE', `/authentication/executions/${UNKNOWN}`],
  'required action changed that is none': ['PUT', '/authentication/required-actions/nothing', { alias: 'nothing' }],
  'built-in flow deleted': ['DELETE', '/authentication/flows/{flow}'],
  'built-in client\'s role made': ['POST', '/clients/{service}/roles', { name: 'made' }],
  'localization set': ['PUT', '/localization/en/greeting', 'hello', { 'content-type': 'text/plain' }],
  'localization of JSON': ['POST', '/localization/de', { greeting: 'hallo' }],
  'localization deleted that is none': ['DELETE', '/localization/fr'],
  'keys of nothing': ['POST', '/clients/{client}/certificates/nothing/generate'],
  'initial access': ['POST', '/clients-initial-access', { count: 2, expiration: 60 }],
  'initial access of nothing': ['POST', '/clients-initial-access', {}],
  'initial access of less than nothing': ['POST', '/clients-initial-access', { count: -1, expiration: -1 }],
  'initial access deleted that is none': ['DELETE', `/clients-initial-access/${UNKNOWN}`],
  'partial import of nothing': ['POST', '/partialImport', {}],
  'partial import': ['POST', '/partialImport', { ifResourceExists: 'SKIP', users: [{ username: 'alice' }, { username: 'imported' }] }],
  'partial import that fails': ['POST', '/partialImport', { ifResourceExists: 'FAIL', users: [{ username: 'alice' }] }],
  'partial export': ['POST', '/partial-export?exportClients=false&exportGroupsAndRoles=false'],
  'events deleted': ['DELETE', '/events'],
  'not-before pushed': ['POST', '/push-revocation'],
  'brute-force failures deleted': ['DELETE', '/attack-detection/brute-force/users'],
  'secret made anew': ['POST', '/clients/{client}/client-secret/rotated/nothing'],
  'impersonation of nobody': ['POST', `/users/${UNKNOWN}/impersonation`],
  'realm changed': ['PUT', '', { displayName: 'Changed' }],
  'realm changed to a value of another type': ['PUT', '', { enabled: 'perhaps' }],
  'realm changed to no JSON': ['PUT', '', '{'],
  'realm by POST': ['POST', '', {}],
};

const realms = (name, request) => one(name, async (subject) => send({
  url: `${subject.base}/admin/realms`, headers: { authorization: `Bearer ${await subject.adminToken()}` }, ...request,
}));

export default group('admin',
  READ.map((path) => one(`GET ${path || '/'}`, (subject) => call(subject, 'GET', path), { shape: SHAPES.has(path) })),
  COLLECTIONS.map(collection),
  Object.entries(acts).map(([name, [method, path, body, headers]]) => one(name, (subject) => call(subject, method, path, body, headers), { shape: name === 'partial export' })),
  Object.entries(READERS).map(([name, headers]) => ['/users', '/clients', ''].map((path) => one(`GET ${path || '/'} ${name}`, async (subject) => send({
    url: `${subject.base}/admin/realms/differential${path}`, headers: await headers(subject),
  })))),
  realms('realm that exists', { json: { realm: 'differential' } }),
  realms('realm without a name', { json: {} }),
  realms('realm with a name that cannot be', { json: { realm: 'a/b' } }),
  realms('realm from no JSON', { json: '{' }),
  realms('realm with an unknown member', { json: { realm: 'differential-unknown', nonsense: true } }),
  one('unknown realm', async (subject) => send({ url: `${subject.base}/admin/realms/nowhere`, headers: { authorization: `Bearer ${await subject.adminToken()}` } })),
  one('unknown realm\'s users', async (subject) => send({ url: `${subject.base}/admin/realms/nowhere/users`, headers: { authorization: `Bearer ${await subject.adminToken()}` } })),
);
