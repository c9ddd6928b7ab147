import assert from 'node:assert/strict';

import { oneTimeCode } from './one-time-code.mjs';

export const about = 'sign in';

/** What a visit may take over the wire, in bytes. */
const LOGIN_PAGE = 30_000;

export const device = (label) => ({
  type: 'otp', userLabel: label,
  secretData: JSON.stringify({ value: `secret of ${label}` }),
  credentialData: JSON.stringify({ subType: 'totp', digits: 6, counter: 0, period: 30, algorithm: 'HmacSHA1' }),
});

/** A flow of one step for each provider, REQUIRED; `choice` are alternatives of a sub-flow after them. */
export async function flow({ admin, realm }, alias, providers, choice = []) {
  const at = `/realms/${realm}/authentication/flows`;
  const id = await admin.post(at, { alias, providerId: 'basic-flow', topLevel: true, builtIn: false });
  for (const provider of providers) await admin.post(`${at}/${alias}/executions/execution`, { provider });
  if (choice.length > 0) {
    await admin.post(`${at}/${alias}/executions/flow`, { alias: `${alias}-second`, type: 'basic-flow', provider: 'registration-page-form' });
    for (const provider of choice) await admin.post(`${at}/${alias}-second/executions/execution`, { provider });
  }
  for (const execution of await admin.get(`${at}/${alias}/executions`)) {
    const requirement = choice.includes(execution.providerId) ? 'ALTERNATIVE' : 'REQUIRED';
    await admin.put(`${at}/${alias}/executions`, { ...execution, requirement });
  }
  return id;
}

export async function prepare(world) {
  const steps = await flow(world, 'stepwise', ['auth-username-form', 'auth-password-form'], ['auth-otp-form', 'auth-recovery-authn-code-form']);
  await world.client('stepwise', { authenticationFlowBindingOverrides: { browser: steps } });
}

export const walks = {
  // spec: ENDUI-02, LOGIN-10, L10N-01, L10N-03
  'name and password': async (w, world) => {
    await world.user(world.unique);
    const response = await w.open(world.authorization());
    assert.equal(response.status(), 200);
    await w.at('login');
    for (const wanted of ['#kc-form-login', '#username', '#password', '#rememberMe', '#kc-login', '#kc-registration a', '#kc-form-options a', '#kc-locale a']) {
      assert.ok(await w.has(wanted), wanted);
    }
    await w.fill('#username', world.unique);
    await w.fill('#password', 'wrong');
    await w.press('#kc-login');
    await w.at('login', 'error');
    assert.ok(await w.has('#input-error'));
    assert.equal(await w.page.$eval('#username', (e) => e.value), world.unique);
    await world.signIn(w, world.unique);
    assert.ok(world.returned(w).get('code'));
    // Whom it is about may not be changed, where the same person has to prove it again.
    await w.open(world.authorization({ prompt: 'login' }));
    await w.at('login', 'again');
    assert.ok(await w.has('#kc-attempted-username'));
    assert.ok(!await w.has('#username'));
    await w.fill('#password', world.password);
    await w.press('#kc-login');
    assert.ok(world.returned(w).get('code'));
  },

  // spec: ENDUI-04, ENDUI-15
  'step by step': async (w, world) => {
    await world.user(world.unique, { credentials: [device('Phone'), device('Tablet')], requiredActions: ['CONFIGURE_RECOVERY_AUTHN_CODES'] });
    const open = () => w.open(world.authorization({ client_id: 'stepwise' }));
    await open();
    await w.at('login-username');
    await w.fill('#username', world.unique);
    await w.press('#kc-login');
    await w.at('login-password');
    assert.equal(await w.text('#kc-attempted-username'), world.unique);
    assert.ok(await w.has('#reset-login'));
    await w.fill('#password', 'wrong');
    await w.press('#kc-login');
    await w.at('login-password', 'error');
    assert.ok(await w.has('#input-error-password'));
    await w.fill('#password', world.password);
    await w.press('#kc-login');
    await w.at('login-otp');
    const labels = await w.page.$$eval('fieldset label', (all) => all.map((e) => e.textContent.trim()));
    assert.deepEqual(labels, ['Phone', 'Tablet']);
    await w.fill('#otp', '000000');
    await w.press('#kc-login');
    await w.at('login-otp', 'error');
    await w.page.$eval('fieldset label:nth-of-type(2) input', (e) => { e.checked = true; });
    await w.fill('#otp', oneTimeCode(base32('secret of Tablet')));
    await w.press('#kc-login');
    await w.at('login-recovery-authn-code-config');
    const codes = await w.page.$$eval('#kc-recovery-codes-list li', (all) => all.map((e) => e.textContent.trim()));
    assert.equal(new Set(codes).size, 12);
    await w.page.$eval('#kcRecoveryCodesConfirmationCheck', (e) => { e.checked = true; });
    await w.press('#saveRecoveryAuthnCodesBtn');
    assert.ok(world.returned(w).get('code'));

    // Another way: what was just made.
    await w.open(world.endpoint('logout'));
    await w.at('logout-confirm');
    await w.press('#kc-logout');
    await open();
    await w.fill('#username', world.unique);
    await w.press('#kc-login');
    await w.fill('#password', world.password);
    await w.press('#kc-login');
    await w.at('login-otp', 'another-way');
    await w.press('#try-another-way');
    await w.at('select-authenticator');
    const choices = await w.page.$$eval('[name=authenticationExecution]', (all) => all.map((e) => e.querySelector('strong').textContent.trim()));
    assert.equal(choices.length, 2);
    await w.press('li:nth-child(2) [name=authenticationExecution]');
    await w.at('login-recovery-authn-code-input');
    await w.fill('#recoveryCodeInput', 'WRONG');
    await w.press('#kc-login');
    await w.at('login-recovery-authn-code-input', 'error');
    await w.fill('#recoveryCodeInput', codes[0]);
    await w.press('#kc-login');
    assert.ok(world.returned(w).get('code'));
  },

  // A form that counted already: the answer can be reloaded, and who sends it again is led on.
  'a page that expired': async (w, world) => {
    await world.user(world.unique, { credentials: [device('Phone')] });
    await w.open(world.authorization());
    const sent = await w.page.$eval('#kc-form-login', (form) => form.action);
    const again = () => w.send(sent, { username: world.unique, password: world.password });
    await world.signIn(w, world.unique);
    await w.at('login-otp', 'after-password');
    await w.page.reload();
    if (w.mode.javascript) {
      await w.at('login-otp', 'reloaded');
      await again();
    }
    await w.at('login-page-expired');
    await w.press('#loginContinueLink');
    await w.at('login-otp', 'led-on');
    await again();
    await w.press('#loginRestartLink');
    await w.at('login', 'from-the-beginning');
    await again();
    await w.press('#loginContinueLink');
    await w.fill('#otp', oneTimeCode(base32('secret of Phone')));
    await w.press('#kc-login');
    assert.ok(world.returned(w).get('code'));
  },

  'bytes over the wire': async (w, world) => {
    const network = await w.page.createCDPSession();
    await network.send('Network.enable');
    let bytes = 0;
    network.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
    await w.page.goto(world.authorization(), { waitUntil: 'networkidle0' });
    assert.ok(bytes > 2_000 && bytes <= LOGIN_PAGE, `${bytes} bytes`);
  },

  // spec: LOGIN-12
  'no way from here': async (w, world) => {
    const refused = await w.open(world.authorization({ redirect_uri: 'https://evil.example.test/' }));
    assert.equal(refused.status(), 400);
    await w.at('error');
    assert.ok(await w.has('#kc-error-message'));
    const lost = await w.open(`${world.base}/realms/${world.realm}/login-actions/authenticate?session_code=x&execution=y&client_id=app&tab_id=z`);
    assert.equal(lost.status(), 400);
    await w.at('error', 'lost');
  },
};

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
function base32(text) {
  const bits = [...Buffer.from(text)].map((b) => b.toString(2).padStart(8, '0')).join('');
  return bits.match(/.{1,5}/g).map((five) => ALPHABET[parseInt(five.padEnd(5, '0'), 2)]).join('');
}
