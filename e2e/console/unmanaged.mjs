// The tab for attributes outside of the user profile, in the admin console, by the realm's policy.
//   BASE_URL=http://127.0.0.1:8080 ADMIN_PASSWORD=... node unmanaged.mjs
import assert from 'node:assert/strict';

import puppeteer from 'puppeteer-core';

import { Steps, administrator, base } from './support.mjs';

const realm = 'unmanaged';
const steps = new Steps('unmanaged attributes');
const { step } = steps;
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'],
  defaultViewport: { width: 1280, height: 900 },
});
try {
  const admin = await administrator();
  await admin.post('/realms', { realm, enabled: true });
  const user = await admin.post(`/realms/${realm}/users`, { username: 'alice', enabled: true });
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  // spec: BOOT-07
  await step('the first administrator signs in at /admin/', async () => {
    await page.goto(`${base}/admin/`);
    await page.waitForSelector('#username');
    await page.type('#username', process.env.ADMIN ?? 'admin');
    await page.type('#password', process.env.ADMIN_PASSWORD);
    await Promise.all([page.waitForNavigation(), page.click('#kc-login')]);
    await page.waitForSelector('nav');
    assert.match(page.url(), /\/admin\/master\/console\//);
  });
  const tabs = async () => {
    await page.goto('about:blank');
    await page.goto(`${base}/admin/master/console/#/${realm}/users/${user}/settings`, { waitUntil: 'networkidle0' });
    await page.waitForSelector('[role=tab]');
    return page.$$eval('[role=tab]', (all) => all.map((tab) => tab.innerText.trim()));
  };
  // spec: UPROF-16
  for (const [policy, shown] of [[undefined, false], ['ENABLED', true], ['ADMIN_VIEW', true], ['ADMIN_EDIT', true]]) {
    await step(`policy ${policy ?? 'disabled'}`, async () => {
      const profile = await admin.get(`/realms/${realm}/users/profile`);
      await admin.put(`/realms/${realm}/users/profile`, { ...profile, unmanagedAttributePolicy: policy });
      const names = await tabs();
      assert.ok(names.includes('Details'), names.join());
      assert.equal(names.includes('Attributes'), shown, names.join());
    });
  }
} finally {
  await browser.close();
}
steps.end();
