// What an answer comes to when everything is taken away that two servers cannot have in common:
// a flat map of paths to values.
import { decode } from './jose.mjs';

/** Headers that a client acts on. Those that protect pages are our own (docs/themes.md). */
const HEADERS = [
  'content-type', 'cache-control', 'www-authenticate', 'allow', 'retry-after', 'dpop-nonce',
  'access-control-allow-origin', 'access-control-allow-credentials', 'access-control-allow-methods', 'access-control-expose-headers',
];

/** Members whose values are random, or whose texts are each server's own. */
const RANDOM = /^(code|state_cookie|session_state|sid|jti|kid|x5t|x5t#S256|x5c|n|x|y|e|device_code|user_code|auth_req_id|request_uri|registration_access_token|client_secret|secret|access_token|refresh_token|id_token|token|nonce_cookie|public_key|certificate|publicKey|value|id|containerId|internalId|ipAddress|at_hash|c_hash|s_hash|client_secret_expires_at|providerId_kid|hash)$/;
const TEXTS = /^(error_description|errorMessage|description|error_uri|helpText|label)$/;
const TIMES = /^(exp|client\.secret\.creation\.time|iat|nbf|auth_time|createdTimestamp|createdDate|lastUpdatedDate|start|lastAccess|rememberMe|notBefore|client_id_issued_at|updated_at|timestamp|validTo|lastUpdate|created|time)$/;
const LIFESPANS = /(^|_)expires_in$|^expiration$/;

/** Texts that applications are known to compare with: these have to be the same. */
const WIRE = new Set([
  'Invalid user credentials', 'Account disabled', 'Account is not fully set up', 'Token is not active', 'Session not active',
  'Invalid refresh token', 'Code not valid', 'Invalid client or Invalid client credentials', 'Incorrect redirect_uri',
  'Client not allowed for direct access grants', 'Client not enabled to retrieve service account', 'Missing form parameter: grant_type',
  'Unsupported grant_type', 'PKCE verification failed: Code mismatch', 'The authorization request is still pending',
  'The end user denied the authorization request', 'Realm does not exist', 'HTTP 401 Unauthorized',
]);

/** Tokens that only their issuer reads; of these, what libraries are known to look at. */
const SEALED = /^(refresh_token|registration_access_token|registrationAccessToken)$/;
const publicClaims = ({ iss, typ, azp, sid, scope, exp }) => Object.fromEntries(Object.entries({ iss, typ, azp, sid, scope, exp }).filter(([, value]) => value !== undefined));

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** Bases, ids and what hangs on them. */
function text(value, base) {
  return value.replace(/user_code=[A-Z]{4}-[A-Z]{4}/, 'user_code=<random>').replaceAll(base, '<base>').replaceAll(encodeURIComponent(base), '<base>').replace(UUID, '<uuid>');
}

function scalar(name, value, base) {
  if (value === null) return null;
  if (typeof value === 'number') {
    if (TIMES.test(name)) return value === 0 ? 0 : '<time>';
    // Seconds pass between the answer and what it is about.
    if (LIFESPANS.test(name)) return `${Math.ceil(value / 10) * 10} s`;
    return value;
  }
  if (typeof value !== 'string') return value;
  if (TIMES.test(name) && /^\d{10,13}$/.test(value)) return '<time>';
  // In addresses and forms these are texts.
  if (LIFESPANS.test(name) && /^\d+$/.test(value)) return `"${Math.ceil(Number(value) / 10) * 10} s"`;
  if (TEXTS.test(name)) return WIRE.has(value) ? value : '<text>';
  // The Admin API has its texts in the place of a code.
  if (name === 'error' && value.includes(' ')) return '<text>';
  if (name === 'jti') return '<random>';
  if (name === 'scope') return value.split(' ').sort().join(' ');
  const plain = text(value, base);
  if (RANDOM.test(name)) return plain === '<uuid>' || plain === '' || /^\*+$/.test(plain) ? plain : '<random>';
  return plain;
}

const NAMES = ['resourceName', 'mapperName', 'clientId', 'username', 'alias', 'name', 'providerId', 'displayName', 'type', 'alg', 'kid', 'id'];

/** Adds `value` under `path`; tokens are opened, lists are sets, objects in lists go by their names. */
function flatten(into, path, name, value, base) {
  if (typeof value === 'string') {
    const token = decode(value);
    if (token) {
      const { exp, iat, nbf } = token.claims;
      flatten(into, `${path}.header`, '', token.header, base);
      flatten(into, `${path}.claims`, '', SEALED.test(name) ? publicClaims(token.claims) : token.claims, base);
      // What is wire is how long a token lives, not when it was made.
      if (typeof exp === 'number' && exp !== 0 && typeof iat === 'number') into.set(`${path}.claims.exp`, `iat + ${Math.round((exp - iat) / 10) * 10}`);
      if (typeof nbf === 'number' && typeof iat === 'number' && nbf !== 0) into.set(`${path}.claims.nbf`, `iat + ${nbf - iat}`);
      return;
    }
  }
  if (Array.isArray(value)) {
    if (value.length === 0) into.set(path, '[]');
    else if (value.every((one) => typeof one !== 'object' || one === null)) {
      // A list is a set: each member by itself, so that a difference names it.
      for (const one of value) into.set(`${path}[${scalar(name, one, base)}]`, 'listed');
    } else {
      for (const one of value) {
        const by = NAMES.find((key) => typeof one?.[key] === 'string');
        const label = by ? (/^(kid|id)$/.test(by) ? '' : [text(one[by], base), one.subType ?? []].flat().join(' ')) : '';
        if (label) into.set(`${path}[${label}]`, 'listed');
        flatten(into, `${path}[${label}]`, name, one, base);
      }
    }
  } else if (value !== null && typeof value === 'object') {
    const members = Object.entries(value);
    if (members.length === 0) into.set(path, '{}');
    for (const [key, member] of members) flatten(into, `${path}.${text(key, base)}`, key, member, base);
  } else {
    into.set(path, scalar(name, value, base));
  }
}

/** Every name in the place of its value's type. */
function shape(value) {
  if (Array.isArray(value)) return value.map(shape);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shape(one)]));
  return value === null ? 'null' : typeof value;
}

const unescaped = (html) => html.replace(/&quot;/g, '"').replace(/&#x27;|&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16))).replace(/&amp;/g, '&');

const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag);
  return found ? unescaped(found[1] ?? found[2]) : undefined;
};

/** Forms of a page: where each goes to and what it has in it. */
export function forms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, inside]) => ({
    action: attribute(` ${head}`, 'action') ?? '',
    fields: [...inside.matchAll(/<(?:input|button|select)\b[^>]*>/gi)]
      .map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? ''])
      .filter(([field]) => field),
  }));
}

/** What a page is for: the texts and the looks are each server's own. */
export function page(html) {
  const names = new Set(forms(html).flatMap((form) => form.fields.map(([name]) => name)));
  if (names.has('password-new')) return 'new password';
  if (names.has('password-confirm')) return 'registration';
  if (names.has('firstName') && names.has('email')) return 'profile';
  if (names.has('password')) return 'login';
  if (names.has('accept')) return 'consent';
  if (names.has('device_user_code')) return 'device';
  if (names.has('confirmLogout')) return 'logout';
  if (names.has('username')) return 'username';
  return 'message';
}

/** A redirect's address: what is before the parameters, and each of these. */
function address(into, path, value, base) {
  let url;
  try {
    url = new URL(value, base);
  } catch {
    into.set(path, value);
    return;
  }
  const login = url.href.startsWith(base) && url.pathname.includes('/login-actions/');
  into.set(path, text(`${url.protocol}//${url.host}${url.pathname}`, base));
  for (const [mark, source] of [['?', url.search], ['#', url.hash]]) {
    const given = [...new URLSearchParams(source.slice(1))];
    // The pages' own parameters are each server's own matter.
    if (login) continue;
    for (const [name, one] of given) flatten(into, `${path} ${mark}${name}`, name, one, base);
  }
}

/** One answer as a map of paths to values. `options.shape`: of a body only names and types. */
export function observe(answer, base, options = {}) {
  const into = new Map();
  into.set('status', answer.status);
  for (const name of HEADERS) {
    // A type of nothing says nothing.
    if (name === 'content-type' && answer.text === '') continue;
    for (const value of answer.headers[name] ?? []) {
      const plain = text(value, base).replace(/;\s*charset=utf-8/i, '').replace(/error_description="[^"]*"/, 'error_description="<text>"')
        .replace(/algs="([^"]*)"/, (_, algorithms) => `algs="${algorithms.split(' ').sort().join(' ')}"`);
      into.set(`header ${name}`, name === 'cache-control' || name.startsWith('access-control') || name === 'allow' ? plain.toLowerCase().split(/,\s*/).sort().join(', ') : plain);
    }
  }
  for (const line of answer.headers['set-cookie'] ?? []) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const gone = pair.slice(at + 1) === '' || attributes.some((one) => /^max-age=0$/i.test(one));
    const kept = attributes.filter((one) => !/^(expires|version)=/i.test(one)).map((one) => one.toLowerCase().replace(/^max-age=.*/, 'max-age'));
    into.set(`cookie ${pair.slice(0, at)}`, gone ? '(deleted)' : kept.sort().join('; '));
  }
  const to = answer.headers.location?.[0];
  if (to !== undefined) address(into, 'location', to, base);
  const type = answer.headers['content-type']?.[0] ?? '';
  if (answer.text === '') return into;
  if (/json/.test(type)) {
    let body;
    try {
      body = JSON.parse(answer.text);
    } catch {
      into.set('body', 'not JSON');
      return into;
    }
    flatten(into, 'body', '', options.shape ? shape(body) : body, base);
  } else if (/html/.test(type)) {
    const posted = forms(answer.text).find((form) => form.action.startsWith('http://127.0.0.1:9/'));
    if (posted) {
      into.set('form', posted.action);
      for (const [name, value] of posted.fields.filter(([field]) => field !== 'continue')) flatten(into, `form ${name}`, name, value, base);
    } else {
      into.set('page', page(answer.text));
    }
  } else if (/jwt/.test(type)) {
    flatten(into, 'body', '', answer.text, base);
  } else {
    into.set('body', '<text>');
  }
  return into;
}

/** Of two answers of which one refuses what the other does, only that is a difference. */
const DECISIVE = /^(status|page|form|location|header content-type|body\.active|body\.error|location [?#]error|form error)$/;
const decision = (map, part) => ['status', 'header content-type', 'body.active', 'location ?error', 'location #error', 'form error'].map((path) => map.get(part + path)).join(' ');

/** The differences of two maps: path, ours and theirs (`(absent)` where one has nothing). */
export function differences(ours, theirs) {
  const found = [];
  for (const path of new Set([...ours.keys(), ...theirs.keys()])) {
    const [our, their] = [ours, theirs].map((map) => (map.has(path) ? String(map.get(path)) || '(empty)' : '(absent)'));
    if (our === their) continue;
    const part = /^[a-z ]+: /.exec(path)?.[0] ?? '';
    // A member that one list does not have at all is one difference.
    const [listed] = /^.*?\[[^\]]+\](?=\.)/.exec(path) ?? [];
    if (listed && ours.has(listed) !== theirs.has(listed)) continue;
    if (decision(ours, part) !== decision(theirs, part) && !DECISIVE.test(path.slice(part.length))) continue;
    found.push({ path, ours: our, theirs: their });
  }
  return found;
}
