// Looks that a realm gives the two consoles, in Chromium.
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node themes.mjs
import assert from 'node:assert/strict';

import puppeteer from 'puppeteer-core';

import { Steps, administrator, base } from './support.mjs';

const realm = 'themed';
const steps = new Steps('console themes');
const { step } = steps;
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

/** What the page's body is outlined with, and what of the page was not let. */
async function look(path) {
  const page = await browser.newPage();
  const refused = [];
  page.on('console', (message) => {
    if (/Content.Security.Policy|refused/i.test(message.text())) refused.push(message.text());
  });
  // The applications lead to the login at once; what is looked at is the page that starts them.
  await page.setJavaScriptEnabled(false);
  await page.goto(`${base}${path}`, { waitUntil: 'networkidle0' });
  const outline = await page.$eval('body', (body) => getComputedStyle(body).outlineColor);
  await page.close();
  assert.deepEqual(refused, []);
  return outline;
}

try {
  const admin = await administrator();
  const account = `/realms/${realm}/account/`;
  await step('a realm chooses from what there is', async () => {
    const { themes } = await admin.get('/serverinfo');
    for (const kind of ['account', 'admin']) assert.ok(themes[kind].some((theme) => theme.name === 'branded'), kind);
    await admin.post('/realms', { realm, enabled: true, accountTheme: 'branded' });
  });
  // spec: THEME-03
  await step('the account console wears the realm\'s theme', async () => {
    assert.equal(await look(account), 'rgb(1, 2, 3)');
    assert.notEqual(await look('/realms/master/account/'), 'rgb(1, 2, 3)');
    await admin.put(`/realms/${realm}`, { accountTheme: '' });
    assert.notEqual(await look(account), 'rgb(1, 2, 3)');
  });
  // spec: THEME-04
  await step('the admin console wears that of the realm that one signs in to', async () => {
    await admin.put(`/realms/${realm}`, { adminTheme: 'branded' });
    assert.equal(await look(`/admin/${realm}/console/`), 'rgb(4, 5, 6)');
    assert.notEqual(await look('/admin/master/console/'), 'rgb(4, 5, 6)');
  });
} finally {
  await browser.close();
}
steps.end();
