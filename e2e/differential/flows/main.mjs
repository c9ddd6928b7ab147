// The same logins on our server and on a Keycloak:
//   BASE_URL=... ADMIN=... ADMIN_PASSWORD=... PEER_URL=... PEER_ADMIN=... PEER_PASSWORD=... node main.mjs [--propose] [PREFIX...]
// Compared are redirects, pages, the fields that errors stand at, what tokens say of the login, what became
// of the user, and events. tolerated.json lists the differences that are meant, as in the folder above.
import fs from 'node:fs';

import { compare } from '../tolerated.mjs';
import { Person } from './person.mjs';
import { World } from './world.mjs';

const here = new URL('.', import.meta.url);
const propose = process.argv.includes('--propose');
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

const scenarios = [];
for (const file of fs.readdirSync(new URL('scenarios', here)).sort()) {
  const { default: list } = await import(new URL(`scenarios/${file}`, here).href);
  for (const [name, one] of Object.entries(list)) {
    scenarios.push({ name: `${file.replace('.mjs', '')}: ${name}`, ...(typeof one === 'function' ? { run: one } : one) });
  }
}
const wanted = scenarios.filter(({ name }) => only.length === 0 || only.some((prefix) => name.startsWith(prefix)));

const worlds = await Promise.all([
  World.make('ours', process.env.BASE_URL, process.env.ADMIN, process.env.ADMIN_PASSWORD),
  World.make('theirs', process.env.PEER_URL, process.env.PEER_ADMIN, process.env.PEER_PASSWORD),
]);

async function play(scenario, at, world) {
  const trace = new Map();
  const where = await world.stage(scenario, at);
  const person = new Person(world, where, trace);
  await scenario.run(person, where, world);
  await world.outcome(where, trace);
  return trace;
}

const found = new Map();
const broken = new Map();
for (const [at, scenario] of wanted.entries()) {
  const results = await Promise.allSettled(worlds.map((world) => play(scenario, at, world)));
  const errors = results.flatMap((result, of) => (result.status === 'rejected' ? [`${worlds[of].name}: ${result.reason.message}`] : []));
  if (errors.length > 0) {
    broken.set(scenario.name, errors);
    continue;
  }
  const [ours, theirs] = results.map(({ value }) => value);
  const differences = [];
  const other = (path) => ours.get(path) !== theirs.get(path);
  const onlyOne = (path) => path !== undefined && ours.has(path) !== theirs.has(path);
  for (const path of new Set([...ours.keys(), ...theirs.keys()])) {
    const pair = { path, ours: ours.get(path) ?? '(absent)', theirs: theirs.get(path) ?? '(absent)' };
    // Of another page, or of tokens and events that there are not, everything is another: that is one difference.
    const [, label, what] = /^(.*)\.([a-z_]+)$/.exec(path) ?? [];
    const follows = (['errors', 'alert', 'form', 'fields', 'ways'].includes(what) && other(`${label}.page`))
      || (['acr', 'amr', 'username', 'claims', 'auth_time', 'code'].includes(what) && other(`${label}.status`))
      || onlyOne(/^(event .*) (?:details|about)$/.exec(path)?.[1]);
    if (pair.ours !== pair.theirs && !follows) differences.push(pair);
  }
  found.set(scenario.name, differences);
}
await Promise.all(worlds.map((world) => world.end()));

const entries = JSON.parse(fs.readFileSync(new URL('tolerated.json', here), 'utf8'));
const documented = fs.readFileSync(process.env.DIFFERENCES ?? new URL('../../../docs/differences.md', here), 'utf8');
const verdict = compare(found, entries, documented, { whole: only.length === 0 });

let passed = 0;
for (const { name } of wanted) {
  const problems = [...(broken.get(name) ?? []), ...(verdict.unlisted.get(name) ?? []).map(({ path, ours, theirs }) => `${path}: ours ${ours}, theirs ${theirs}`)];
  if (problems.length === 0) passed += 1;
  else console.log(`FAIL: ${name}\n${problems.map((problem) => `    ${problem}`).join('\n')}`);
}
for (const complaint of verdict.complaints) console.log(`FAIL: flows/tolerated.json: ${complaint}`);
if (propose) console.log(JSON.stringify(verdict.proposal, null, 2));
console.log(`${wanted.length} logins on both servers; ${entries.length} tolerated differences, ${verdict.tolerated} times`);
const failed = wanted.length - passed + verdict.complaints.length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
