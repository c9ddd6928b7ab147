// Writes dist/LICENCES.txt: the licence of every package that is in the bundles.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json')));
const apache = readFileSync(join(root, '..', 'LICENSE'), 'utf8');
const parts = ['The consoles are made of these packages.\n'];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.dev || entry.optional) continue;
  const folder = join(root, path);
  if (!existsSync(folder)) continue;
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  // The console libraries name Apache-2.0 and carry no text of it.
  const text = file ? readFileSync(join(folder, file), 'utf8') : entry.license === 'Apache-2.0' ? apache : '(no text in the package)';
  parts.push(`${'='.repeat(72)}\n${path.replace(/^.*node_modules\//, '')} ${entry.version}, ${entry.license ?? 'see below'}\n\n${text.trim()}\n`);
}
writeFileSync(join(root, 'dist', 'LICENCES.txt'), parts.join('\n'));
