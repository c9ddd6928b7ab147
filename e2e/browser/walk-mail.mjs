import assert from 'node:assert/strict';

import { device } from './walk-sign-in.mjs';

export const about = 'mail';

/** Of several devices one goes when they are set up anew. */
export async function prepare({ admin, realm }) {
  const at = `/realms/${realm}/authentication`;
  const steps = await admin.get(`${at}/flows/reset%20credentials/executions`);
  const { id } = steps.find((step) => step.providerId === 'reset-otp');
  await admin.post(`${at}/executions/${id}/config`, { alias: 'one', config: { action_on_otp_reset_flag: 'Remove one' } });
}

export const walks = {
  // spec: ENDUI-05, ENDUI-09, REG-01
  'a new account': async (w, world) => {
    await w.open(world.authorization());
    await w.press('#kc-registration a');
    await w.at('register');
    const address = `${world.unique}@example.test`;
    const type = async (again) => {
      for (const [field, value] of Object.entries({
        username: world.unique, email: address, firstName: 'Bob', lastName: 'Dodgson', password: 'a good one', 'password-confirm': again,
      })) await w.fill(`#${field}`, value);
      await w.press('#kc-register');
    };
    await type('another');
    await w.at('register', 'error');
    assert.ok(await w.has('#input-error-password-confirm'));
    assert.equal(await w.page.$eval('#email', (e) => e.value), address);
    await type('a good one');
    await w.at('login-verify-email');
    const mail = await world.mailbox.next(address);
    // Another one only after a while.
    await w.press('#kc-resend');
    await w.at('login-verify-email', 'again');
    assert.equal(world.mailbox.count(address), 1);
    await w.open(mail.link);
    await w.at('info', 'address-confirmed');
    assert.ok(await w.has('#kc-info-message'));
  },

  // spec: ENDUI-03, ENDUI-07, LOGIN-02
  'a password forgotten': async (w, world) => {
    await world.user(world.unique);
    await w.open(world.authorization());
    await w.press('#kc-form-options a');
    await w.at('login-reset-password');
    await w.fill('#username', world.unique);
    await w.press('#kc-submit');
    await w.at('info', 'mail-sent');
    const mail = await world.mailbox.next(`${world.unique}@example.test`);
    await w.open(mail.link);
    await w.at('login-update-password', 'forgotten');
    await w.fill('#password-new', 'remembered');
    await w.fill('#password-confirm', 'remembered');
    await w.press('#kc-submit');
    assert.ok(world.returned(w).get('code'));
  },

  'a device that is lost': async (w, world) => {
    await world.user(world.unique, { credentials: [device('Phone'), device('Tablet')] });
    await w.open(world.authorization());
    await w.press('#kc-form-options a');
    await w.fill('#username', world.unique);
    await w.press('#kc-submit');
    const mail = await world.mailbox.next(`${world.unique}@example.test`);
    await w.open(mail.link);
    await w.at('login-reset-otp');
    const labels = await w.page.$$eval('fieldset label', (all) => all.map((e) => e.textContent.trim()));
    assert.deepEqual(labels, ['Phone', 'Tablet']);
    await w.page.$eval('fieldset label:nth-of-type(2) input', (e) => { e.checked = true; });
    await w.press('#kc-otp-reset-form-submit');
    await w.at('login-config-totp', 'instead');
  },

  // spec: RA-10
  'what an administrator asks for': async (w, world) => {
    const id = await world.user(world.unique);
    await world.admin.put(`/realms/${world.realm}/users/${id}/execute-actions-email`, ['UPDATE_PASSWORD']);
    const mail = await world.mailbox.next(`${world.unique}@example.test`);
    await w.open(mail.link);
    await w.at('info', 'what-comes');
    assert.ok(await w.has('#kc-info-message li'));
    await w.press('#proceedWithAction');
    await w.at('login-update-password', 'asked-for');
    await w.fill('#password-new', 'as I was told');
    await w.fill('#password-confirm', 'as I was told');
    await w.press('#kc-submit');
    await w.at('info', 'done');
  },
};
