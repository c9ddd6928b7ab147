// The account console in Chromium: every page, and a change of one's own data.
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node account.mjs [SCREENSHOTS]
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';

import puppeteer from 'puppeteer-core';

import { Steps, base, setUp, user } from './support.mjs';

const shots = process.argv[2];
const realm = 'account-walk';
const steps = new Steps('account console');
const { step } = steps;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
  defaultViewport: { width: 1280, height: 900 },
});
try {
  await step('a realm and a user', () => setUp(realm, [], { displayName: 'Account walk' }));
  const page = await browser.newPage();
  page.setDefaultTimeout(20000);
  let problems = [];
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('response', (response) => {
    if (response.status() >= 400 && response.url().startsWith(base)) {
      problems.push(`${response.status()} ${response.request().method()} ${response.url().slice(base.length)}`);
    }
  });
  await step('login', async () => {
    await page.goto(`${base}/realms/${realm}/account`);
    await page.waitForSelector('#username');
    await page.type('#username', user.username);
    await page.type('#password', user.password);
    await Promise.all([page.waitForNavigation(), page.click('#kc-login')]);
    await page.waitForSelector('.pf-v5-c-nav');
    assert.deepEqual(problems, []);
  });
  for (const path of ['', 'account-security/signing-in', 'account-security/device-activity', 'applications']) {
    await step(path || 'personal info', async () => {
      problems = [];
      await page.goto(`${base}/realms/${realm}/account/${path}`, { waitUntil: 'networkidle0' });
      const text = await page.$eval('#app', (element) => element.innerText);
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: `${shots}/${path.replaceAll('/', '_') || 'personal-info'}.png` });
      }
      assert.match(text, /\S/);
      assert.doesNotMatch(text, /Something went wrong|Keycloak/i);
      assert.deepEqual(problems, []);
    });
  }
  await step('a new first name is kept', async () => {
    problems = [];
    await page.goto(`${base}/realms/${realm}/account/`, { waitUntil: 'networkidle0' });
    const field = await page.waitForSelector('#firstName');
    await field.click({ count: 3 });
    await field.type('Alicia');
    await page.click('#save-btn');
    await page.waitForSelector('.pf-v5-c-alert.pf-m-success');
    await page.reload({ waitUntil: 'networkidle0' });
    assert.equal(await page.$eval('#firstName', (element) => element.value), 'Alicia');
    assert.deepEqual(problems, []);
  });
} finally {
  await browser.close();
}
steps.end();
