// What a browser has to load for the first screen of each console, in bytes as they travel.
import assert from 'node:assert/strict';

import { Person, launch } from './browser.mjs';
import { Steps, base, setUp, user } from './support.mjs';

/** 500 kB, for everything: page, scripts, styles, fonts, messages and calls. */
const MOST = 500_000;
const steps = new Steps('first screen');
const { step } = steps;

/** What the person's page loads from now on, as `{ url, encoding, bytes }`; what the browser kept is no load. */
async function watched(page) {
  const cdp = await page.createCDPSession();
  await cdp.send('Network.enable');
  const files = new Map();
  cdp.on('Network.responseReceived', ({ requestId, response }) => {
    const [, encoding] = Object.entries(response.headers).find(([name]) => name.toLowerCase() === 'content-encoding') ?? [];
    files.set(requestId, { url: response.url, encoding, bytes: 0 });
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (files.has(requestId)) files.get(requestId).bytes = encodedDataLength;
  });
  // The login page is none of the console's.
  return () => [...files.values()].filter(({ url, bytes }) => bytes > 0 && !/\/openid-connect\/auth|\/login-actions\/|\/resources\/[^/]+\/login/.test(url));
}

const browser = await launch();
try {
  await step('a realm and a user', () => setUp('first-screen', []));
  for (const [console, address, name, password, shown] of [
    ['admin', `${base}/admin/master/console/`, process.env.ADMIN ?? 'admin', process.env.ADMIN_PASSWORD, '.pf-v5-c-nav'],
    ['account', `${base}/realms/first-screen/account/`, user.username, user.password, '#firstName'],
  ]) {
    await step(`${console}: at most ${MOST} bytes, compressed`, async () => {
      const profile = await browser.createBrowserContext();
      const person = await Person.of(profile);
      const loaded = await watched(person.page);
      await person.page.goto(address);
      await person.login(name, password);
      await person.shows(shown);
      await person.settled();
      const files = loaded();
      const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
      const list = files.sort((a, b) => b.bytes - a.bytes).map(({ url, bytes, encoding }) => `${bytes} ${encoding ?? '-'} ${url.slice(base.length)}`);
      globalThis.console.log(`${console}: ${total} bytes in ${files.length} answers`);
      if (process.env.VERBOSE) globalThis.console.log(list.join('\n'));
      assert.ok(total <= MOST, `${total} bytes: ${list.slice(0, 12).join(', ')}`);
      // Text of the build travels compressed, as it was when the server was built.
      for (const { url, encoding } of files) {
        if (/\/console\/.*\.(js|css|json|svg)$/.test(url)) assert.equal(encoding, 'br', url);
      }
      await profile.close();
    });
  }
  await step('who takes no compression gets the same files', async () => {
    const page = await (await fetch(`${base}/admin/master/console/`)).text();
    const script = /<script type="module" src="([^"]+)"/.exec(page)[1];
    const texts = [];
    for (const coding of ['br', 'gzip', 'identity']) {
      const answer = await fetch(new URL(script, base), { headers: { 'accept-encoding': coding } });
      assert.equal(answer.headers.get('content-encoding') ?? 'identity', coding);
      texts.push(await answer.text());
    }
    assert.ok(texts[0].length > 0);
    assert.deepEqual(texts, [texts[0], texts[0], texts[0]]);
  });
} finally {
  await browser.close();
}
steps.end();
