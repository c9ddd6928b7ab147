// Makes dist/messages/{admin,account}/{language}.json from the messages that belong to the
// libraries. The npm packages hold none; they are in Maven artifacts of the same version
// (Apache-2.0), which mvn fetches. Product names are replaced by ours.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSION = JSON.parse(readFileSync(new URL('../package.json', import.meta.url))).dependencies['@keycloak/keycloak-admin-ui'];
// By our tag, the name in their files.
const LANGUAGES = JSON.parse(readFileSync(new URL('../shared/languages.json', import.meta.url)));
const SOURCES = {
  admin: [['keycloak-themes', 'theme/base/admin/messages'], ['keycloak-admin-ui', 'theme/keycloak.v2/admin/messages']],
  account: [['keycloak-themes', 'theme/base/account/messages'], ['keycloak-account-ui', 'theme/keycloak.v3/account/messages']],
};

const work = mkdtempSync(join(tmpdir(), 'messages-'));
const out = new URL('../dist/messages/', import.meta.url).pathname;

try {
  for (const [name, sources] of Object.entries(SOURCES)) {
    mkdirSync(join(out, name), { recursive: true });
    for (const [tag, language] of Object.entries(LANGUAGES)) {
      const messages = {};
      for (const [artifact, folder] of sources) {
        Object.assign(messages, properties(join(unpacked(artifact), folder, `messages_${language}.properties`)));
      }
      for (const key of Object.keys(messages)) messages[key] = ours(messages[key]);
      // Of our own pages; what is not translated is shown in English.
      const own = new URL(`./own/${tag}.json`, import.meta.url);
      if (name === 'admin' && existsSync(own)) Object.assign(messages, JSON.parse(readFileSync(own)));
      writeFileSync(join(out, name, `${tag}.json`), JSON.stringify(messages));
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function unpacked(artifact) {
  const folder = join(work, artifact);
  if (!readdirSync(work).includes(artifact)) {
    const coordinates = `org.keycloak:${artifact}:${VERSION}:jar`;
    mkdirSync(folder);
    execFileSync('mvn', ['-q', 'dependency:copy', `-Dartifact=${coordinates}`, `-DoutputDirectory=${work}`], { stdio: 'inherit' });
    execFileSync('unzip', ['-q', '-o', join(work, `${artifact}-${VERSION}.jar`), 'theme/*/messages/*', '-d', folder]);
  }
  return folder;
}

/** A Java properties file in UTF-8; a language that a file lacks adds nothing. */
function properties(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return {};
  }
  const found = {};
  for (const line of text.replace(/\\\r?\n[ \t]*/g, '').split(/\r?\n/)) {
    const match = /^\s*((?:\\.|[^\\\s=:#!])(?:\\.|[^\\\s=:])*)\s*[=:\s]\s*(.*)$/.exec(line);
    if (match) found[unescaped(match[1])] = unescaped(match[2]).replaceAll("''", "'");
  }
  return found;
}

function unescaped(text) {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, what) => {
    if (what.length === 5) return String.fromCharCode(Number.parseInt(what.slice(1), 16));
    return { n: '\n', t: '\t', r: '\r' }[what] ?? what;
  });
}

function ours(text) {
  return text.replace(/https:\/\/www\.keycloak\.org[^\s"'<)]*/g, 'https://realmkeep.dev/docs').replaceAll('Keycloak', 'Realmkeep');
}
