// One-time codes and recovery codes.
import { oneTimeCode } from '../../../one-time-code.mjs';

const as = ({ username, password }) => ({ username, password });
const device = (label, value = 'a secret of twenty!!') => ({
  type: 'otp', userLabel: label, secretData: JSON.stringify({ value }),
  credentialData: JSON.stringify({ subType: 'totp', digits: 6, counter: 0, period: 30, algorithm: 'HmacSHA1' }),
});
const password = { type: 'password', value: 'correct horse battery', temporary: false };
const base32 = (text) => [...Buffer.from(text)].map((b) => b.toString(2).padStart(8, '0')).join('').match(/.{1,5}/g)
  .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five.padEnd(5, '0'), 2)]).join('');
const code = (later = 0, value = 'a secret of twenty!!') => oneTimeCode(base32(value), later);

const withDevice = { credentials: [password, device('Phone')] };
const toCode = async (p, w) => {
  await p.login();
  await p.submit('password', as(w));
};

export const prepared = { withDevice, toCode, code, as };

export default {
  'the right code': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'a wrong code, then the right one': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.submit('wrong', { otp: '000000' });
    await p.submit('right', { otp: code() });
    await p.tokens();
  } },
  'no code': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.submit('empty', { otp: '' });
  } },
  'letters for a code': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.submit('letters', { otp: 'abcdef' });
  } },
  'a code twice': { user: withDevice, run: async (p, w) => {
    const once = code();
    await toCode(p, w);
    await p.submit('code', { otp: once });
    const other = p.elsewhere();
    await other.login('other login');
    await other.submit('other password', as(w));
    await other.submit('other code', { otp: once });
  } },
  'the second of two devices': { user: { credentials: [password, device('Phone'), device('Tablet', 'another secret of 20')] }, run: async (p, w, world) => {
    await toCode(p, w);
    const all = (await world.credentials(w)).filter(({ type }) => type === 'otp');
    p.note('devices', all.map(({ userLabel }) => userLabel).join(' '));
    await p.submit('wrong device', { otp: code(0, 'another secret of 20') });
    await p.submit('right device', { otp: code(0, 'another secret of 20'), selectedCredentialId: all[1].id });
    await p.tokens();
  } },
  'a device of somebody else': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.submit('sent', { otp: code(), selectedCredentialId: '00000000-0000-0000-0000-000000000000' });
  } },
  'start over at the code': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    await p.follow('over', 'reset-login');
    await p.submit('again', as(w));
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'back from the code to the password': { user: withDevice, run: async (p, w) => {
    await p.login();
    const form = p.now;
    await p.submit('password', as(w));
    await p.submitOf(form, 'password again', as(w));
    if (p.id === 'login-login-otp') await p.submit('code', { otp: code() });
  } },
  'back from the code to a wrong password': { user: withDevice, run: async (p, w) => {
    await p.login();
    const form = p.now;
    await p.submit('password', as(w));
    await p.submitOf(form, 'password again', { username: w.username, password: 'wrong' });
  } },
  'the code\'s page opened anew': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    const [, action] = /<form\b[^>]*\baction="([^"]*login-actions[^"]*)"/.exec(p.html);
    await p.open('opened', action.replaceAll('&amp;', '&'));
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'a login under way, and a second tab': { user: withDevice, run: async (p, w) => {
    await toCode(p, w);
    const other = p.tab();
    await other.login('other login');
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'the code in place of the password': { user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('sent', { username: w.username, password: code() });
  } },
  'the code sent with the password': { user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('sent', { ...as(w), otp: code() });
  } },
  'a device set up at a login': { user: { requiredActions: ['CONFIGURE_TOTP'] }, run: async (p, w) => {
    await p.login();
    await p.submit('sent', as(w));
    await p.submit('empty', { totp: '' });
    await p.submit('wrong', { totp: '000000', userLabel: 'Phone' });
    const secret = p.value('totpSecret') || undefined;
    const own = p.html.match(/id="kc-totp-secret-key"[^>]*>([^<]*)</)?.[1];
    const value = own ? oneTimeCode(own) : oneTimeCode(base32(secret));
    await p.submit('right', { totp: value, userLabel: 'Phone' });
    await p.tokens();
  } },
  'a device asked for by the application, and cancelled': async (p, w) => {
    await p.login('login', { kc_action: 'CONFIGURE_TOTP' });
    await p.submit('sent', as(w));
    await p.submit('cancelled', { 'cancel-aia': 'true' });
  },
  'recovery codes set up at a login': { user: { requiredActions: ['CONFIGURE_RECOVERY_AUTHN_CODES'] }, run: async (p, w) => {
    await p.login();
    await p.submit('sent', as(w));
    await p.submit('done', { kcRecoveryCodesConfirmationCheck: 'on' });
    await p.tokens();
  } },
};
