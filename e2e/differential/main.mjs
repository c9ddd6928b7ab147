// The corpus on our server and on a Keycloak:
//   BASE_URL=... ADMIN=... ADMIN_PASSWORD=... PEER_URL=... PEER_ADMIN=... PEER_PASSWORD=... node main.mjs [only...]
// Fails on a difference that tolerated.json does not list, and on an entry of it that no case shows
// any more. With --propose it prints what is not listed in that file's form: reasons are for people.
// With --prune it takes out of the file what is no longer so.
import fs from 'node:fs';
import { observe, differences } from './observe.mjs';
import { Subject } from './subject.mjs';
import { compare } from './tolerated.mjs';
import admin from './corpus/admin.mjs';
import authorization from './corpus/authorization.mjs';
import backchannel from './corpus/backchannel.mjs';
import device from './corpus/device.mjs';
import discovery from './corpus/discovery.mjs';
import introspection from './corpus/introspection.mjs';
import logout from './corpus/logout.mjs';
import pushed from './corpus/pushed.mjs';
import registration from './corpus/registration.mjs';
import revocation from './corpus/revocation.mjs';
import token from './corpus/token.mjs';
import userinfo from './corpus/userinfo.mjs';

const here = new URL('.', import.meta.url);
const propose = process.argv.includes('--propose');
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

const corpus = [
  discovery, token, authorization, introspection, revocation, userinfo, logout, device, backchannel, pushed, registration, admin,
].flat(Infinity).filter((one) => only.length === 0 || only.some((prefix) => one.name.startsWith(prefix)));

const names = corpus.map((one) => one.name);
const twice = names.filter((name, at) => names.indexOf(name) !== at);
if (twice.length > 0) throw new Error(`two cases of one name: ${twice.join('; ')}`);

const servers = [
  new Subject('ours', process.env.BASE_URL, { username: process.env.ADMIN, password: process.env.ADMIN_PASSWORD }),
  new Subject('theirs', process.env.PEER_URL, { username: process.env.PEER_ADMIN, password: process.env.PEER_PASSWORD }),
];

/** What this server makes of one case: a map of paths to values. */
async function play(single, subject) {
  const outcome = await single.run(subject);
  if (outcome === undefined) throw new Error('no answer');
  if (typeof outcome.status === 'number') return observe(outcome, subject.base, single.options);
  const parts = new Map();
  for (const [label, answer] of Object.entries(outcome)) {
    for (const [path, value] of observe(answer, subject.base, single.options)) parts.set(`${label}: ${path}`, value);
  }
  return parts;
}

const found = new Map();
const broken = new Map();
await Promise.all(servers.map((subject) => subject.setUp()));
for (const single of corpus) {
  // Both at once: what depends on time meets both alike.
  const results = await Promise.allSettled(servers.map((subject) => play(single, subject)));
  const errors = results.flatMap((result, at) => (result.status === 'rejected' ? [`${servers[at].name}: ${result.reason.message}`] : []));
  if (errors.length > 0) broken.set(single.name, errors);
  else found.set(single.name, differences(results[0].value, results[1].value));
}
await Promise.all(servers.map((subject) => subject.tearDown()));

const listed = new URL('tolerated.json', here);
const entries = JSON.parse(fs.readFileSync(listed, 'utf8'));
const documented = fs.readFileSync(process.env.DIFFERENCES ?? new URL('../../docs/differences.md', here), 'utf8');
const verdict = compare(found, entries, documented, { whole: only.length === 0 });

let passed = 0;
for (const name of names) {
  const problems = [...(broken.get(name) ?? []), ...(verdict.unlisted.get(name) ?? []).map(({ path, ours, theirs }) => `${path}: ours ${ours}, theirs ${theirs}`)];
  if (problems.length === 0) passed += 1;
  else console.log(`FAIL: ${name}\n${problems.map((problem) => `    ${problem}`).join('\n')}`);
}
for (const complaint of verdict.complaints) console.log(`FAIL: tolerated.json: ${complaint}`);
if (process.argv.includes('--prune')) {
  if (only.length > 0) throw new Error('--prune is for the whole corpus');
  fs.writeFileSync(listed, `${JSON.stringify(verdict.current, null, 2)}\n`);
}
if (propose) console.log(JSON.stringify(verdict.proposal, null, 2));
console.log(`${names.length} requests on both servers; ${entries.length} tolerated differences, ${verdict.tolerated} times`);
const failed = names.length - passed + verdict.complaints.length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
