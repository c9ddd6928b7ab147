// Flows of a realm's own: steps in any order, alternatives, conditions, levels.
import { prepared } from './4-second-factors.mjs';

const { withDevice, code, as } = prepared;
const USERNAME = 'auth-username-form';
const PASSWORD = 'auth-password-form';
const BOTH = 'auth-username-password-form';
const OTP = 'auth-otp-form';
const RECOVERY = 'auth-recovery-authn-code-form';
const R = 'REQUIRED';
const A = 'ALTERNATIVE';
const C = 'CONDITIONAL';

const stepwise = [[R, USERNAME], [R, PASSWORD]];
const inSteps = async (p, w) => {
  await p.login();
  await p.submit('name', { username: w.username });
  await p.submit('password', { password: w.password });
};
const onlyRole = (negate) => [[R, BOTH], [C, [[R, 'conditional-user-role', { condUserRole: 'careful', negate: String(negate) }], [R, 'deny-access-authenticator']]]];
const levels = [
  [A, 'auth-cookie'],
  [A, [
    [C, [[R, 'conditional-level-of-authentication', { 'loa-condition-level': '1', 'loa-max-age': '36000' }], [R, BOTH]]],
    [C, [[R, 'conditional-level-of-authentication', { 'loa-condition-level': '2', 'loa-max-age': '0' }], [R, OTP]]],
  ]],
];
const essential = (values) => ({ claims: JSON.stringify({ id_token: { acr: { essential: true, values } } }) });

export default {
  'first the name, then the password': { flow: stepwise, run: async (p, w) => {
    await inSteps(p, w);
    await p.tokens();
  } },
  'first the name: one that there is not': { flow: stepwise, run: async (p) => {
    await p.login();
    await p.submit('name', { username: 'nobody-at-all' });
  } },
  'first the name: none': { flow: stepwise, run: async (p) => {
    await p.login();
    await p.submit('name', { username: '' });
  } },
  'first the name, then a wrong password': { flow: stepwise, run: async (p, w) => {
    await p.login();
    await p.submit('name', { username: w.username });
    await p.submit('wrong', { password: 'wrong' });
    await p.submit('empty', { password: '' });
    await p.submit('right', { password: w.password });
    await p.tokens();
  } },
  'first the name, and start over': { flow: stepwise, run: async (p, w) => {
    await p.login();
    await p.submit('name', { username: w.username });
    await p.follow('over', 'reset-login');
  } },
  'another name with the password': { flow: stepwise, run: async (p, w) => {
    await p.login();
    await p.submit('name', { username: w.username });
    await p.submit('password', { username: 'admin', password: w.password });
    await p.tokens();
  } },
  'the password as the second of two ways': { flow: [[R, USERNAME], [R, [[A, OTP], [A, PASSWORD]]]], user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('name', { username: w.username });
    await p.submit('another way', { tryAnotherWay: 'on' }, { form: 'kc-select-try-another-way-form' });
    const ways = [...p.html.matchAll(/name="authenticationExecution"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="authenticationExecution"/g)].map(([, a, b]) => a ?? b);
    p.note('ways', ways.length);
    await p.submit('chosen', { authenticationExecution: ways[1] });
    await p.submit('password', { password: w.password });
    await p.tokens();
  } },
  'a way that is not offered': { flow: [[R, USERNAME], [R, [[A, OTP], [A, PASSWORD]]]], user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('name', { username: w.username });
    await p.submit('chosen', { authenticationExecution: '00000000-0000-0000-0000-000000000000' });
  } },
  'the first way, and no other': { flow: [[R, USERNAME], [R, [[A, OTP], [A, PASSWORD]]]], run: async (p, w) => {
    await inSteps(p, w);
    await p.tokens();
  } },
  'recovery codes as another way, for somebody who has none': { flow: [[R, BOTH], [R, [[A, OTP], [A, RECOVERY]]]], user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'a required code for somebody without a device': { flow: [[R, BOTH], [R, OTP]], run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
  } },
  'a code only for whom has a device: has': { flow: [[R, BOTH], [C, [[R, 'conditional-user-configured'], [R, OTP]]]], user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'a code only for whom has a device: has none': { flow: [[R, BOTH], [C, [[R, 'conditional-user-configured'], [R, OTP]]]], run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    await p.tokens();
  } },
  'denied to a role': { flow: onlyRole(false), user: { realmRoles: ['careful'] }, run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
  } },
  'denied to all but a role: has it not': { flow: onlyRole(true), run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
  } },
  'denied to a role: has it not': { flow: onlyRole(false), run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    await p.tokens();
  } },
  'denied by an attribute': { flow: [[R, BOTH], [C, [[R, 'conditional-user-attribute', { attribute_name: 'lastName', attribute_expected_value: 'Last' }], [R, 'deny-access-authenticator', { denyErrorMessage: 'notToYou' }]]]], run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
  } },
  'denied to everybody': { flow: [[R, 'deny-access-authenticator']], run: async (p) => {
    await p.login();
  } },
  'a flow that only lets in': { flow: [[R, 'allow-access-authenticator']], run: async (p) => {
    await p.login();
  } },
  'a flow of alternatives without a name': { flow: [[A, PASSWORD], [A, OTP]], run: async (p) => {
    await p.login();
  } },
  'a second session where one is allowed': { flow: [[R, BOTH], [R, 'user-session-limits', { behavior: 'Deny new session', userRealmLimit: '1', userClientLimit: '0', errorMessage: 'tooMany' }]], run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    const other = p.elsewhere();
    await other.login('other login');
    await other.submit('other password', as(w));
  } },
  'the oldest session makes way': { flow: [[R, BOTH], [R, 'user-session-limits', { behavior: 'Terminate oldest session', userRealmLimit: '1', userClientLimit: '0' }]], run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    const other = p.elsewhere();
    await other.login('other login');
    await other.submit('other password', as(w));
  } },
  'a level up': { realm: 'levels', flow: levels, user: withDevice, run: async (p, w) => {
    await p.login();
    await p.submit('password', as(w));
    await p.tokens();
    await p.login('up', { acr_values: 'silver' });
    await p.submit('code', { otp: code() });
    await p.tokens('up tokens');
    await p.login('down', { acr_values: 'bronze' });
    await p.tokens('down tokens');
  } },
  'the highest level at once': { realm: 'levels', flow: levels, user: withDevice, run: async (p, w) => {
    await p.login('login', essential(['silver']));
    await p.submit('password', as(w));
    await p.submit('code', { otp: code() });
    await p.tokens();
  } },
  'a level that there is not, essential': { realm: 'levels', flow: levels, user: withDevice, run: async (p) => {
    await p.login('login', essential(['gold']));
  } },
  'a level by its number': { realm: 'levels', flow: levels, user: withDevice, run: async (p, w) => {
    await p.login('login', { acr_values: '2' });
    await p.submit('password', as(w));
  } },
};
