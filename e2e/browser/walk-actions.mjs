import assert from 'node:assert/strict';

import { oneTimeCode } from './one-time-code.mjs';

export const about = 'required actions';

export async function prepare({ admin, realm }) {
  const at = `/realms/${realm}/authentication/required-actions`;
  for (const alias of ['TERMS_AND_CONDITIONS', 'UPDATE_EMAIL', 'delete_account']) {
    const action = await admin.get(`${at}/${alias}`);
    await admin.put(`${at}/${alias}`, { ...action, enabled: true });
  }
  // Who may remove their own account.
  const client = (await admin.get(`/realms/${realm}/clients?clientId=account`))[0];
  const role = await admin.get(`/realms/${realm}/clients/${client.id}/roles/delete-account`);
  const all = await admin.get(`/realms/${realm}/roles/default-roles-${realm}`);
  await admin.post(`/realms/${realm}/roles-by-id/${all.id}/composites`, [role]);
  // A profile with a field of each kind.
  const profile = await admin.get(`/realms/${realm}/users/profile`);
  const own = { view: ['admin', 'user'], edit: ['admin', 'user'] };
  const field = (name, annotations, more = {}) => ({ name, displayName: name, permissions: own, annotations, ...more });
  profile.groups = [{ name: 'more', displayHeader: 'More about you', displayDescription: 'All of it may be left open.' }];
  profile.attributes.push(
    field('motto', { inputType: 'textarea', inputHelperTextBefore: 'A sentence or two.' }, { group: 'more' }),
    field('size', { inputType: 'select' }, { group: 'more', validations: { options: { options: ['small', 'large'] } } }),
    field('colour', { inputType: 'select-radiobuttons' }, { group: 'more', validations: { options: { options: ['blue', 'green'] } } }),
    field('topics', { inputType: 'multiselect-checkboxes' }, { group: 'more', multivalued: true, validations: { options: { options: ['music', 'books'] } } }),
    field('badge', {}, { group: 'more', permissions: { view: ['user', 'admin'], edit: ['admin'] } }),
  );
  await admin.put(`/realms/${realm}/users/profile`, profile);
}

export const walks = {
  // spec: ENDUI-06, ENDUI-07, ENDUI-08, ENDUI-10
  'at a login': async (w, world) => {
    await world.user(world.unique, {
      requiredActions: ['TERMS_AND_CONDITIONS', 'UPDATE_PASSWORD', 'UPDATE_PROFILE', 'CONFIGURE_TOTP'],
      attributes: { badge: ['4711'] },
    });
    await w.open(world.authorization());
    await world.signIn(w, world.unique);
    const todo = new Set(['terms', 'login-update-password', 'login-update-profile', 'login-config-totp']);
    while (todo.size > 0) {
      const id = (await w.page.$eval('body', (body) => body.dataset.pageId)).replace(/^login-/, '');
      assert.ok(todo.delete(id), `${id} once, at ${w.page.url()}`);
      await w.at(id);
      await DO[id](w, world);
    }
    assert.ok(world.returned(w).get('code'));
  },

  // spec: ENDUI-12, UPEM-02
  'a new address': async (w, world) => {
    await world.user(world.unique);
    await w.open(world.authorization({ kc_action: 'UPDATE_EMAIL' }));
    await world.signIn(w, world.unique);
    await w.at('update-email');
    await w.fill('#email', 'nowhere');
    await w.page.$eval('form', (form) => { form.noValidate = true; });
    await w.press('#kc-submit');
    await w.at('update-email', 'error');
    assert.ok(await w.has('#input-error-email'));
    const address = `${world.unique}-new@example.test`;
    await w.fill('#email', address);
    await w.press('#kc-submit');
    await w.at('update-email', 'sent');
    const mail = await world.mailbox.next(address);
    await w.open(mail.link);
    await w.at('info', 'address-changed');
    assert.ok(await w.has('#kc-info-message'));
  },

  // spec: ENDUI-13
  'a credential less': async (w, world) => {
    const id = await world.user(world.unique, {
      credentials: [{
        type: 'otp', userLabel: 'Old phone', secretData: '{"value":"something to forget"}',
        credentialData: '{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}',
      }],
    });
    const found = (await world.admin.get(`/realms/${world.realm}/users/${id}/credentials`)).find(({ type }) => type === 'otp');
    await w.open(world.authorization({ kc_action: `delete_credential:${found.id}` }));
    await world.signIn(w, world.unique);
    if (await w.has('#otp')) {
      await w.fill('#otp', oneTimeCode('ONXW2ZLUNBUW4ZZAORXSAZTPOJTWK5A'));
      await w.press('#kc-login');
    }
    await w.at('delete-credential');
    await w.press('#kc-accept');
    assert.equal(world.returned(w).get('kc_action_status'), 'success');
  },

  // spec: ENDUI-14
  'an account less': async (w, world) => {
    await world.user(world.unique);
    await w.open(world.authorization({ kc_action: 'delete_account' }));
    await world.signIn(w, world.unique);
    await w.at('delete-account-confirm');
    await w.press('#kc-submit');
    await w.at('info', 'account-deleted');
  },

  // spec: AIA-06
  'not now': async (w, world) => {
    await world.user(world.unique);
    await w.open(world.authorization({ kc_action: 'UPDATE_PASSWORD' }));
    await world.signIn(w, world.unique);
    await w.at('login-update-password', 'on-request');
    await w.press('[name=cancel-aia]');
    assert.equal(world.returned(w).get('kc_action_status'), 'cancelled');
  },
};

/** How each action is done. */
const DO = {
  terms: (w) => w.press('#kc-accept'),
  'login-update-password': async (w) => {
    await w.fill('#password-new', 'one');
    await w.fill('#password-confirm', 'another');
    await w.press('#kc-submit');
    await w.at('login-update-password', 'error');
    assert.ok(await w.has('#input-error-password-confirm'));
    await w.fill('#password-new', 'a new password');
    await w.fill('#password-confirm', 'a new password');
    await w.press('#kc-submit');
  },
  'login-update-profile': async (w) => {
    assert.equal(await w.page.$eval('#badge', (e) => e.readOnly), true);
    await w.fill('#firstName', '');
    await w.page.$eval('form', (form) => { form.noValidate = true; });
    await w.press('#kc-submit');
    await w.at('login-update-profile', 'error');
    assert.ok(await w.has('#input-error-firstName'));
    await w.fill('#firstName', 'Alicia');
    await w.press('#kc-submit');
  },
  'login-config-totp': async (w) => {
    await w.fill('#totp', '12');
    await w.press('#saveTOTPBtn');
    await w.at('login-config-totp', 'error');
    assert.ok(await w.has('#input-error-otp-code'));
    const secret = await w.page.$eval('#kc-totp-secret-key', (e) => e.textContent);
    await w.fill('#totp', oneTimeCode(secret));
    await w.fill('#userLabel', 'Phone');
    await w.press('#saveTOTPBtn');
  },
};
