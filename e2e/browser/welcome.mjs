// The page of a server that has no administrator yet, which makes the first one; this uses it up.
//   BASE_URL=http://127.0.0.1:8080 [SCREENS=folder] node welcome.mjs
import assert from 'node:assert/strict';

import puppeteer from 'puppeteer-core';

import { Steps, base } from './support.mjs';
import { MODES, Walk } from './walk.mjs';

const steps = new Steps('welcome');
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
// No realm says which languages there are.
const [scripts, none] = ['English', 'no JavaScript'].map((name) => MODES.find((mode) => mode.name === name));
const password = 'a long one of its own';

async function walk(name, mode, run) {
  const w = await new Walk(browser, mode, base, []).begin();
  await steps.step(`${name} (${mode.name})`, () => run(w));
  await w.end();
}

async function create(w, confirmed) {
  await w.fill('#username', 'root');
  await w.fill('#password', password);
  await w.fill('#passwordConfirmation', confirmed);
  return w.press('#create-button');
}

try {
  // spec: ENDUI-01
  for (const mode of [scripts, none]) {
    await walk('nothing is made of a slip', mode, async (w) => {
      await w.open(`${base}/`);
      await w.at('welcome');
      assert.equal((await create(w, 'another one')).status(), 400);
      await w.at('welcome', 'error');
      assert.ok(await w.has('#input-error-passwordConfirmation'));
      assert.equal(await w.page.$eval('#password', (e) => e.value), '');
    });
  }
  await walk('the first administrator', none, async (w) => {
    await w.open(`${base}/`);
    assert.equal((await create(w, password)).status(), 201);
    await w.at('welcome', 'created');
  });
  for (const mode of [scripts, none]) {
    await walk('afterwards', mode, async (w) => {
      // To the admin console, where this build has it, and on to the login where scripts run.
      const response = await w.open(`${base}/`);
      assert.ok(response.ok() || response.status() === 404);
      if (response.ok() && mode === scripts) {
        await w.page.waitForSelector('#kc-form-login');
      }
      assert.ok(!await w.has('#welcome-form'));
    });
  }
  await steps.step('who may sign in', async () => {
    const form = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'root', password });
    const answer = await fetch(`${base}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: form });
    assert.equal(answer.status, 200);
  });
} finally {
  await browser.close();
}
steps.end();
