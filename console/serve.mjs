// Makes dist/served: the files as the server embeds them (text compressed), and a manifest that
// names the bundles that start each console.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const dist = new URL('./dist/', import.meta.url).pathname;
const served = join(dist, 'served');
rmSync(served, { recursive: true, force: true });

const vite = JSON.parse(readFileSync(join(dist, 'manifest.json')));
const entry = (source) => {
  const styles = new Set();
  const preload = new Set();
  const walk = (key) => {
    const chunk = vite[key];
    for (const style of chunk.css ?? []) styles.add(style);
    for (const next of chunk.imports ?? []) {
      if (preload.has(vite[next].file)) continue;
      preload.add(vite[next].file);
      walk(next);
    }
  };
  walk(source);
  return { script: vite[source].file, styles: [...styles], preload: [...preload] };
};

const digest = createHash('sha256');
const put = (name, bytes) => {
  const path = join(served, name);
  mkdirSync(join(path, '..'), { recursive: true });
  digest.update(name).update(bytes);
  if (name.endsWith('.woff2')) writeFileSync(path, bytes);
  else {
    writeFileSync(`${path}.br`, brotliCompressSync(bytes));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
};
for (const name of readdirSync(join(dist, 'assets'))) put(`assets/${name}`, readFileSync(join(dist, 'assets', name)));
for (const console of ['admin', 'account']) {
  for (const name of readdirSync(join(dist, 'messages', console))) {
    put(`messages/${console}/${name}`, readFileSync(join(dist, 'messages', console, name)));
  }
}
for (const name of ['logo.svg', 'favicon.svg']) put(name, readFileSync(new URL(`./brand/${name}`, import.meta.url)));
put('content.json', readFileSync(new URL('./account/content.json', import.meta.url)));
put('LICENCES.txt', readFileSync(join(dist, 'LICENCES.txt')));
const version = digest.copy().digest('hex').slice(0, 12);
put('manifest.json', JSON.stringify({ version, admin: entry('admin/main.jsx'), account: entry('account/main.jsx') }));
